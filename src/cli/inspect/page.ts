// What `weft inspect` runs in a page or in Node: loads the model, to see whether it fits this machine.
import { Model, type HubOptions, type ModelInfo } from "../../index.js";
import { loadOptions } from "../browser/page-load.js";
import type { PageHooks } from "../browser/page-call.js";

export interface InspectRequest {
  /** The URL or path of the model's folder or file, or a hub's name. */
  readonly model: string;
  readonly hub?: HubOptions;
}

export interface InspectReport {
  readonly info: ModelInfo;
}

/** What every page module exports: see page-call.ts. */
export async function run(
  { model: source, hub }: InspectRequest,
  report: (words: string, part?: number) => void,
  { signal }: PageHooks,
): Promise<InspectReport> {
  using model = await Model.load(source, loadOptions(1, report, signal, hub));
  return { info: model.info };
}
