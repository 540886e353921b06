// What log-probabilities of a sentence's tokens say about it.
import type { RunResult } from "./passes/pass-result.js";

/** How likely one sentence is to the model, in nats. */
export interface Score {
  /** The ids that were scored, with the begin token in front where the model has one and text was passed. */
  readonly tokens: readonly number[];
  /** Of every token but the first, given those before it. */
  readonly logProbabilities: Float32Array<ArrayBuffer>;
  readonly sum: number;
  readonly mean: number;
  /** exp(−mean). */
  readonly perplexity: number;
}

/** One score per sentence, in order, with the statistics of the run that made them. */
export type Scores = readonly Score[] & RunResult;

export function scoreOf(tokens: readonly number[], logProbabilities: Float32Array<ArrayBuffer>): Score {
  let sum = 0;
  for (const value of logProbabilities) sum += value;
  const mean = sum / logProbabilities.length;
  return { tokens, logProbabilities, sum, mean, perplexity: Math.exp(-mean) };
}
