// What a group of a trace is called in pictures.
import type { TraceGroup } from "./trace.js";

export interface GroupName {
  readonly isAttention: boolean;
  readonly word: "attention" | "segment";
  /** The segment of its slices, or the layer of its attention. */
  readonly level: number;
  /** The sentences that have a task in it, each once. */
  readonly sentences: readonly number[];
}

export function nameGroup({ tasks }: TraceGroup): GroupName {
  const [first] = tasks;
  const isAttention = first?.kind === "attention";
  const level = first === undefined ? 0 : first.kind === "slice" ? first.segment : first.layer;
  const sentences = [...new Set(tasks.map((task) => task.sentence))];
  return { isAttention, word: isAttention ? "attention" : "segment", level, sentences };
}

export function countSentences(sentences: readonly number[]): string {
  return sentences.length === 1 ? `sentence ${sentences[0]}` : `${sentences.length} sentences`;
}
