// How a group's time is shared among its tasks, which ran together and were timed together.
import { tokensOfGroups } from "../plan/training-plan.js";
import type { Task } from "../plan/vocabulary.js";
import { attentionPairs } from "../plan/cost.js";
import type { Trace } from "./trace.js";

/** A task's part of its group: query-key pairs for attention, forward and backward; else the tokens it works on. */
export function weightOf(task: Task, trace: Pick<Trace, "lengths" | "fence" | "groups">): number {
  if (task.kind !== "attention" && task.kind !== "attention-gradient") return countTokens(task, trace);
  const length = trace.lengths[task.sentence] ?? 0;
  return attentionPairs(task.firstToken, task.tokenCount, length, trace.fence === "prefix");
}

/** The tokens that a task works on; a weight gradient reads all of its group. */
export function countTokens(task: Task, { lengths, groups }: Pick<Trace, "lengths" | "groups">): number {
  if (task.kind !== "weight-gradient") return task.tokenCount;
  return tokensOfGroups(lengths, groups ?? [])[task.group] ?? 0;
}
