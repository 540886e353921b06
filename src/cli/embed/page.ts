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

/** Sent before the first vector. */
export interface EmbedEvent {
  readonly dimensions: number;
}

/** Vectors are sent at least as often, so that little is lost if the run ends early. */
const SEND_MS = 1000;
const MOST_SENT = 4096;

/** What every page module exports: see page-call.ts. */
export async function run(
  { model: source, hub, queues, texts, options }: EmbedRequest,
  report: (words: string, part?: number) => void,
  { emit, send, signal }: PageHooks<EmbedEvent>,
): Promise<EmbedReport> {
  using model = await Model.load(source, loadOptions(queues, report, signal, hub));
  report("embedding");
  const startMs = performance.now();
  const handle = model.embed(texts, {
    ...options,
    signal,
    onProgress: ({ done, total }) => report("embedding", done / total),
  });
  let waiting: Float32Array[] = [];
  let sentMs = startMs;
  const flush = async (): Promise<void> => {
    const [first] = waiting;
    if (!first) return;
    const joined = new Float32Array(waiting.length * first.length);
    for (const [index, vector] of waiting.entries()) joined.set(vector, index * first.length);
    waiting = [];
    await send("vectors", new Uint8Array(joined.buffer));
    sentMs = performance.now();
  };
  for await (const { index, vector } of handle) {
    if (index === 0) emit({ dimensions: vector.length });
    waiting.push(vector);
    if (waiting.length >= MOST_SENT || performance.now() - sentMs > SEND_MS) await flush();
  }
  await flush();
  const { dimensions, tokens, truncated } = await handle;
  return { info: model.info, dimensions, tokens, truncated, elapsedMs: performance.now() - startMs };
}
