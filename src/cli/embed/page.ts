// What `weft embed` runs in a page or in Node: loads an encoder and turns texts into vectors, which are sent as a file.
import { Model, type EmbedOptions, type HubOptions, type ModelInfo } from "../../index.js";
import { loadOptions } from "../browser/page-load.js";
import type { PageHooks } from "../browser/page-call.js";

export interface EmbedRequest {
  /** The URL or path of the model's folder or file, or a hub's name. */
  readonly model: string;
  readonly hub?: HubOptions;
  readonly queues: number;
  readonly texts: readonly string[];
  readonly options: Omit<EmbedOptions, "signal" | "onProgress">;
}

export interface EmbedReport {
  readonly info: ModelInfo;
  readonly dimensions: number;
  readonly tokens: number;
  readonly truncated: readonly number[];
  /** Of the texts, without loading. */
  readonly elapsedMs: number;
}

/** What every page module exports: see page-call.ts. */
export async function run(
  { model: source, hub, queues, texts, options }: EmbedRequest,
  report: (words: string, part?: number) => void,
  { send, signal }: PageHooks,
): Promise<EmbedReport> {
  using model = await Model.load(source, loadOptions(queues, report, signal, hub));
  report("embedding");
  const startMs = performance.now();
  const { vectors, dimensions, ...counts } = await model.embed(texts, {
    ...options,
    signal,
    onProgress: ({ done, total }) => report("embedding", done / total),
  });
  const elapsedMs = performance.now() - startMs;
  const joined = new Float32Array(vectors.length * dimensions);
  for (const [index, vector] of vectors.entries()) joined.set(vector, index * dimensions);
  await send("vectors", new Uint8Array(joined.buffer));
  return { info: model.info, dimensions, ...counts, elapsedMs };
}
