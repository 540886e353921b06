// The part of validation that needs no plan: values that are impossible in any trace.
import { fences, placements } from "../plan/vocabulary.js";
import type { Trace, TraceStage, TraceSubmission } from "./trace.js";

/** Problems that make it impossible to build the plan of the trace. */
export function checkHeader(trace: Trace): string[] {
  const problems: string[] = [];
  if (!trace.lengths.every((length) => isWhole(length, 1)))
    problems.push("A sentence's length is no positive number.");
  if (!isWhole(trace.sliceTokens, 1)) problems.push(`sliceTokens is ${trace.sliceTokens}.`);
  if (!isWhole(trace.layers, 0)) problems.push(`layers is ${trace.layers}.`);
  if (!isWhole(trace.queues, 1)) problems.push(`queues is ${trace.queues}.`);
  if (!fences.includes(trace.fence)) problems.push(`There is no ${trace.fence} fence.`);
  if (!placements.includes(trace.placement)) problems.push(`There is no ${trace.placement} placement.`);
  return trace.shares ? problems.concat(checkShares(trace, trace.shares)) : problems;
}

/** Problems of the fields that only a training step has. */
function checkShares({ lengths, placement }: Trace, shares: readonly number[]): string[] {
  const problems: string[] = [];
  const present = new Set(shares);
  if (shares.length !== lengths.length)
    problems.push(`There are shares for ${shares.length} of ${lengths.length} sentences.`);
  if (!shares.every((share) => isWhole(share, 0) && share < present.size))
    problems.push("The shares are not numbered 0, 1, … without a gap.");
  if (placement !== "affine") problems.push(`A training step has no ${placement} placement.`);
  return problems;
}

/** Problems of one submission by itself. */
export function checkSubmission(submission: TraceSubmission, queues: number): string[] {
  const name = `Submission ${submission.id}`;
  const { queue, encoder, encodedMs, submittedMs, doneMs, stages } = submission;
  const problems: string[] = [];
  if (!isWhole(queue, 0) || queue >= queues)
    problems.push(`${name}: there is no queue ${queue} among ${queues}.`);
  if (!isWhole(encoder, 0)) problems.push(`${name}: there is no encoder ${encoder}.`);
  // Negated, so that NaN is a problem too.
  if (!(encodedMs <= submittedMs)) problems.push(`${name} was submitted before it was encoded.`);
  if (!(submittedMs <= doneMs)) problems.push(`${name} was done before it was submitted.`);
  if (![encodedMs, submittedMs, doneMs].every(Number.isFinite))
    problems.push(`${name} has a time that is no finite number.`);
  if (stages.length === 0) problems.push(`${name} is empty.`);
  for (const [index, stage] of stages.entries())
    problems.push(...checkStage(stage, submission, `${name}, stage ${index}`));
  return problems;
}

function checkStage(stage: TraceStage, submission: TraceSubmission, name: string): string[] {
  const { beginMs, endMs } = stage;
  const problems: string[] = [];
  if (!Number.isFinite(beginMs) || !Number.isFinite(endMs))
    problems.push(`${name} has a time that is no finite number.`);
  if (!(beginMs <= endMs)) problems.push(`${name} ends before it begins.`);
  // A GPU's clock is only roughly aligned with the host's. The host's own times have to fit exactly.
  if (stage.clock === "cpu" && (beginMs < submission.submittedMs || endMs > submission.doneMs))
    problems.push(`${name} lies outside the time between its submission and its completion.`);
  return problems;
}

function isWhole(value: number, minimum: number): boolean {
  return Number.isSafeInteger(value) && value >= minimum;
}
