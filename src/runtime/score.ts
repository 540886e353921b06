// Makes scores of the log-probabilities of a sentence's tokens.
import type { RunResult } from "./passes/pass-result.js";

/** How likely one sentence is for the model, in nats. */
export interface Score {
  /** The ids that were scored. If text was passed, they begin with the begin token, if the model has one. */
  readonly tokens: readonly number[];
  /** The log-probability of every token but the first, given those before it. */
  readonly logProbabilities: Float32Array<ArrayBuffer>;
  readonly sum: number;
  readonly mean: number;
  /** exp(−mean). */
  readonly perplexity: number;
}

/** One score per sentence, in order, with the statistics of the run. */
export type Scores = readonly Score[] & RunResult;

export function scoreOf(tokens: readonly number[], logProbabilities: Float32Array<ArrayBuffer>): Score {
  let sum = 0;
  for (const value of logProbabilities) sum += value;
  const mean = sum / logProbabilities.length;
  return { tokens, logProbabilities, sum, mean, perplexity: Math.exp(-mean) };
}
