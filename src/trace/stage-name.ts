// What a stage of a trace is called in pictures.
import type { Task } from "../plan/vocabulary.js";
import type { TraceStage } from "./trace.js";

export interface StageName {
  readonly kind: Task["kind"];
  readonly word: string;
  /** Used if there is no room for the word. */
  readonly letter: string;
  /** The segment of its slices or weights, or the layer of its attention. */
  readonly level: number;
  /** The sentences that have a task in it, each once. For weight gradients, the shares. */
  readonly members: readonly number[];
  readonly noun: "sentence" | "share";
}

const words: Readonly<Record<Task["kind"], readonly [word: string, letter: string]>> = {
  slice: ["segment", "S"],
  attention: ["attention", "A"],
  "slice-gradient": ["segment gradient", "dS"],
  "attention-gradient": ["attention gradient", "dA"],
  "weight-gradient": ["weight gradient", "dW"],
};

export function nameStage({ tasks }: TraceStage): StageName {
  const [first] = tasks;
  const kind = first?.kind ?? "slice";
  const [word, letter] = words[kind];
  const level = first === undefined ? 0 : "segment" in first ? first.segment : first.layer;
  const members = [...new Set(tasks.map(memberOf))];
  return { kind, word, letter, level, members, noun: kind === "weight-gradient" ? "share" : "sentence" };
}

/** The sentence of a task. For a weight gradient, its share. */
export function memberOf(task: Task): number {
  return task.kind === "weight-gradient" ? task.share : task.sentence;
}

export function countMembers({ members, noun }: StageName): string {
  return members.length === 1 ? `${noun} ${members[0]}` : `${members.length} ${noun}s`;
}
