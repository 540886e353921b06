// What `npm run generate` runs in a page or in Node: loads the model through the built module and writes texts.
import { writeTexts, type WriteEvent, type WriteReport, type WriteRequest } from "../../jobs/write.js";
import { Model, type HubOptions, type ModelInfo } from "../../index.js";
import { loadOptions } from "../browser/page-load.js";
import type { PageHooks } from "../browser/page-call.js";

export interface GenerateRequest extends WriteRequest {
  /** The URL or path of the model's folder or file, or a hub's name. */
  readonly model: string;
  readonly hub?: HubOptions;
  readonly queues: number;
  readonly cache: "f32" | "f16";
}

export interface GenerateReport extends WriteReport {
  readonly info: ModelInfo;
}

/** What every page module exports: see page-call.ts. Aborting ends the texts where they are. */
export async function run(
  { model: source, hub, queues, cache, ...request }: GenerateRequest,
  report: (words: string, part?: number) => void,
  { emit, signal }: PageHooks<WriteEvent>,
): Promise<GenerateReport> {
  using model = await Model.load(source, { ...loadOptions(queues, report, signal, hub), cache });
  return { info: model.info, ...(await writeTexts(model, request, { signal, onEvent: emit })) };
}
