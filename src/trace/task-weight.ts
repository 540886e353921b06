// How a stage's time is divided among its tasks, which were timed together.
import { tokensOfShares } from "../plan/training-plan.js";
import type { Task } from "../plan/vocabulary.js";
import { attentionPairs } from "../plan/cost.js";
import type { Trace } from "./trace.js";

/** A task's weight in its stage: query-key pairs for attention, forward and backward; tokens for all others. */
export function weightOf(task: Task, trace: Pick<Trace, "lengths" | "fence" | "shares">): number {
  if (task.kind !== "attention" && task.kind !== "attention-gradient") return countTokens(task, trace);
  const length = trace.lengths[task.sentence] ?? 0;
  return attentionPairs(task.firstToken, task.tokenCount, length, trace.fence === "prefix");
}

/** The number of tokens that a task works on. A weight gradient reads all tokens of its share. */
export function countTokens(task: Task, { lengths, shares }: Pick<Trace, "lengths" | "shares">): number {
  if (task.kind !== "weight-gradient") return task.tokenCount;
  return tokensOfShares(lengths, shares ?? [])[task.share] ?? 0;
}
