// How a group's time is shared among its tasks, which ran together and were timed together.
import type { Task } from "../plan/vocabulary.js";
import { attentionPairs } from "./cost.js";
import type { Trace } from "./trace.js";

/** A task's part of its group: rows for slices, query-key pairs for attention. */
export function weightOf(task: Task, { lengths, fence }: Pick<Trace, "lengths" | "fence">): number {
  if (task.kind === "slice") return task.tokenCount;
  return attentionPairs(task.firstToken, task.tokenCount, lengths[task.sentence] ?? 0, fence === "prefix");
}
