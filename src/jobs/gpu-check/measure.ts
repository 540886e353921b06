// The short benchmark of a GPU's check: one text, several, and a prompt, on a made-up model.
import type { Model } from "../../index.js";
import { timed } from "../../util/take-turns.js";
import { median, reachedBy, workOfPrompt, workOfStep, type MeasuredBounds } from "./figures.js";
import { countWeights, makeTokens, type DecoderShape } from "./made-up-model.js";
import type { SpeedReport } from "./report.js";

export interface MeasureOptions {
  readonly shape: DecoderShape;
  readonly name: string;
  readonly bounds: MeasuredBounds;
  readonly isQuick: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (words: string, part: number) => void;
}

/** Texts that are written at once. */
const REQUESTS = [1, 16] as const;

const METHOD =
  "medians of wall time; every text begins with one token, so that every row of a step is one of decoding. GB/s count each weight " +
  "once per step or prompt; GFLOP/s two operations per weight and row (a prompt's last row alone goes through the head), without " +
  "attention. Shares are of the bounds measured in the same check";

/** Measures a loaded model. Nothing else should use the adapter meanwhile. */
export async function measureSpeed(
  model: Model,
  { shape, name, bounds, isQuick, signal, onProgress }: MeasureOptions,
): Promise<SpeedReport> {
  const repeats = isQuick ? 2 : 5;
  const decodeTokens = isQuick ? 4 : 32;
  const promptTokens = isQuick ? 32 : 256;
  const weights = countWeights(shape);
  const { weightBytes, loadMs, kernels, weights: format } = model.info;
  let seed = 0;
  const write = (length: number, maxTokens: number): Promise<unknown> => {
    // A new prompt each time, which no cache has.
    const prompt = makeTokens(length, shape, ++seed);
    return Promise.resolve(
      model.generate(prompt, { temperature: 0, maxTokens, stopTokens: [], ...(signal && { signal }) }),
    );
  };
  const phases = REQUESTS.length + 1;
  const measure = async (words: string, phase: number, act: () => Promise<unknown>): Promise<number> => {
    onProgress(words, phase / phases);
    await act(); // compiles, and makes room
    const times: number[] = [];
    for (let repeat = 0; repeat < repeats; repeat++) {
      onProgress(words, (phase + (1 + repeat) / (1 + repeats)) / phases);
      times.push(await timed(act));
    }
    return median(times);
  };
  const decode: SpeedReport["decode"][number][] = [];
  for (const [phase, requests] of REQUESTS.entries()) {
    const words = requests === 1 ? "Writing one text" : `Writing ${requests} texts at once`;
    const jobMs = await measure(words, phase, () =>
      Promise.all(Array.from({ length: requests }, () => write(1, decodeTokens))),
    );
    const stepMs = jobMs / decodeTokens;
    const work = workOfStep(weights, weightBytes, requests);
    decode.push({ requests, stepMs, ...reachedBy(work, requests, stepMs, bounds) });
  }
  const ms = await measure("Reading a prompt", REQUESTS.length, () => write(promptTokens, 1));
  const work = workOfPrompt(weights, weightBytes, promptTokens);
  const { channels, hidden, layers, vocabulary } = shape;
  return {
    model: { name, channels, hidden, layers, vocabulary, weights: format, weightBytes, loadMs },
    kernels,
    decode,
    prefill: { promptTokens, ms, ...reachedBy(work, promptTokens, ms, bounds) },
    repeats,
    method: METHOD,
  };
}
