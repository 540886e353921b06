// What a group of a trace is called in pictures.
import type { TraceGroup } from "./trace.js";

export interface GroupName {
  readonly isAttention: boolean;
  /** The segment of its slices, or the layer of its attention. */
  readonly level: number;
  /** The sentences that have a task in it, in the order they appear. */
  readonly sentences: readonly number[];
  /** From the most to the least telling; the last is only the level's number. */
  readonly labels: readonly string[];
}

export function nameGroup(group: TraceGroup): GroupName {
  const [first] = group.tasks;
  const isAttention = first?.kind === "attention";
  const level = first === undefined ? 0 : first.kind === "slice" ? first.segment : first.layer;
  const sentences = [...new Set(group.tasks.map((task) => task.sentence))];
  const kind = isAttention ? "attention" : "segment";
  const who = sentences.length === 1 ? `sentence ${sentences[0]}` : `${sentences.length} sentences`;
  const labels = [`${kind} ${level} · ${who}`, `${kind} ${level}`, `${isAttention ? "A" : "S"}${level}`];
  return { isAttention, level, sentences, labels };
}
