// From the logits of labels to their probabilities. In float64.
import type { ClassifierConfig } from "../../families/model-config.js";

/** A label and how probable it is. */
export interface LabelScore {
  readonly label: string;
  /** From 0 to 1; of a model that predicts numbers (regression), the number. */
  readonly score: number;
}

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** exp(xᵢ) / Σ exp(xⱼ). */
export function softmax(values: ArrayLike<number>): number[] {
  const own = Array.from(values);
  const largest = own.reduce((most, value) => Math.max(most, value), -Infinity);
  const powers = own.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}

/** The labels in the model's order. One label of several applies unless the file says otherwise; a single one is a yes or no. */
export function scoreLabels(
  logits: ArrayLike<number>,
  { labels, problem = labels.length === 1 ? "multi" : "single" }: ClassifierConfig,
): LabelScore[] {
  const scores =
    problem === "single" ? softmax(logits) : Array.from(logits, problem === "multi" ? sigmoid : Number);
  return labels.map((label, index) => ({ label, score: scores[index]! }));
}

/** The likeliest; of several, the first. */
export const bestOf = (scores: readonly LabelScore[]): LabelScore =>
  scores.reduce((best, own) => (own.score > best.score ? own : best));
