// What `weft inspect` runs, in a page or in Node: whether the model fits what this machine has, by loading it.
import { Model, type ModelInfo } from "../../index.js";
import { loadOptions } from "../browser/page-load.js";
import type { PageHooks } from "../browser/page-call.js";

export interface InspectRequest {
  /** The URL or path of the model's folder. */
  readonly model: string;
}

export interface InspectReport {
  readonly info: ModelInfo;
}

/** The contract of every page module: see run-in-page.ts. */
export async function run(
  { model: source }: InspectRequest,
  report: (words: string, part?: number) => void,
  { signal }: PageHooks,
): Promise<InspectReport> {
  using model = await Model.load(source, loadOptions(1, report, signal));
  return { info: model.info };
}
