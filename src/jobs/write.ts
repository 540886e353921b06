// The job that the headless commands do with a loaded model to show generation: write several texts at once and measure it.
// Knows neither the page nor the commands. Its request and its result are JSON.
import type { FinishReason, GenerateOptions, GenerationTimings, Model } from "../index.js";

export interface WriteOptions extends Pick<
  GenerateOptions,
  "maxTokens" | "temperature" | "topK" | "topP" | "minP" | "repetitionPenalty" | "stop"
> {
  /** The seed of the first text. Each further text has the next number. */
  readonly seed: number;
}

export interface WriteRequest {
  /** Texts to continue, all at once. */
  readonly prompts: readonly string[];
  readonly options: WriteOptions;
}

/** A piece of text `index`, or its end. */
export type WriteEvent =
  | { readonly index: number; readonly piece: string }
  | { readonly index: number; readonly finishReason: FinishReason };

export interface WrittenText {
  readonly prompt: string;
  readonly text: string;
  readonly seed: number;
  readonly finishReason: FinishReason;
  readonly promptTokens: number;
  readonly tokens: number;
  readonly timings: GenerationTimings;
}

export interface WriteReport {
  readonly texts: readonly WrittenText[];
  /** The tokens of all texts, and the time from the first call to the last token. */
  readonly tokens: number;
  readonly elapsedMs: number;
  /** The median over the texts. */
  readonly firstTokenMs: number;
  /** The most texts that were being computed at a time. */
  readonly atOnce: number;
  readonly steps: number;
  readonly computedRows: number;
  readonly sharedRows: number;
}

export interface WriteHooks {
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: WriteEvent) => void;
}

export async function writeTexts(
  model: Model,
  { prompts, options }: WriteRequest,
  { signal, onEvent }: WriteHooks = {},
): Promise<WriteReport> {
  const before = model.stats();
  const startMs = performance.now();
  let atOnce = 0;
  const texts = await Promise.all(
    prompts.map(async (prompt, index): Promise<WrittenText> => {
      const seed = options.seed + index;
      const handle = model.generate(prompt, { ...options, seed, ...(signal ? { signal } : {}) });
      for await (const piece of handle) {
        atOnce = Math.max(atOnce, model.stats().running);
        onEvent?.({ index, piece });
      }
      const { text, finishReason, usage, timings } = await handle;
      onEvent?.({ index, finishReason });
      const { promptTokens, completionTokens: tokens } = usage;
      return { prompt, text, seed, finishReason, promptTokens, tokens, timings };
    }),
  );
  const elapsedMs = performance.now() - startMs;
  const after = model.stats();
  return {
    texts,
    tokens: texts.reduce((sum, { tokens }) => sum + tokens, 0),
    elapsedMs,
    firstTokenMs: median(texts.filter(({ tokens }) => tokens > 0).map(({ timings }) => timings.firstTokenMs)),
    atOnce: Math.max(atOnce, Math.min(1, texts.length)),
    steps: after.steps - before.steps,
    computedRows: after.computedRows - before.computedRows,
    sharedRows: after.sharedRows - before.sharedRows,
  };
}

/** The median; of an even number of values, the lower of the two in the middle. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}
