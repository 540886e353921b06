// What log-probabilities of a sentence's tokens say about it.
import type { Score } from "./types.js";

export function scoreOf(tokens: readonly number[], logProbabilities: Float32Array<ArrayBuffer>): Score {
  let sum = 0;
  for (const value of logProbabilities) sum += value;
  const mean = sum / logProbabilities.length;
  return { tokens, logProbabilities, sum, mean, perplexity: Math.exp(-mean) };
}
