// Checks a trace against the plan that it claims to have executed. Shares no state machine with the scheduler and reads only
// the finished record, so that neither can hide a mistake of the other.
import { nodeOf } from "../plan/task.js";
import { checkFences } from "./validate-fences.js";
import { checkHeader, checkSubmission } from "./validate-fields.js";
import { Positions } from "./validate-positions.js";
import { planOfTrace } from "./trace-plan.js";
import type { Trace, TraceStage } from "./trace.js";

/** Browsers round GPU timestamps to 0.1 ms against timing attacks, and two of them may be off in opposite directions. */
const timestampToleranceMs = 0.2;

/** Describes every way in which `trace` breaks its plan. An empty list means that the trace is valid. */
export function validateTrace(trace: Trace): string[] {
  const problems = checkHeader(trace);
  if (problems.length > 0) return problems;
  const plan = planOfTrace(trace);
  const positions = new Positions(plan, trace.queues);
  const ids = new Set<number>();
  const previousSubmittedMs = new Float64Array(trace.queues).fill(-Infinity);
  const previousBeginMs = new Float64Array(trace.queues).fill(-Infinity);
  for (const submission of trace.submissions) {
    const name = `Submission ${submission.id}`;
    const { queue } = submission;
    problems.push(...checkSubmission(submission, trace.queues));
    if (ids.has(submission.id)) problems.push(`${name} appears twice.`);
    ids.add(submission.id);
    // There is no order to check on a queue that does not exist. Its tasks are reported as missing.
    if (!(queue in previousBeginMs)) continue;
    if (submission.submittedMs < previousSubmittedMs[queue]!)
      problems.push(`${name} stands after a submission of queue ${queue} that was submitted later.`);
    previousSubmittedMs[queue] = submission.submittedMs;
    for (const [index, stage] of submission.stages.entries()) {
      if (stage.beginMs < previousBeginMs[queue]! - timestampToleranceMs)
        problems.push(`${name}, stage ${index}: begins before the stage ahead of it on queue ${queue}.`);
      previousBeginMs[queue] = Math.max(previousBeginMs[queue]!, stage.beginMs);
      positions.openStage(submission);
      problems.push(...placeStage(positions, stage, `${name}, stage ${index}`));
    }
  }
  const divided = trace.placement === "affine" ? positions.findDivided() : [];
  return problems.concat(positions.findMissing(), checkFences(positions), divided);
}

function placeStage(positions: Positions, stage: TraceStage, name: string): string[] {
  const problems: string[] = [];
  if (stage.tasks.length === 0) problems.push(`${name} has no tasks.`);
  for (const task of stage.tasks) {
    const node = nodeOf(positions.plan, task);
    if (node === undefined) problems.push(`${name}: the plan has no task ${JSON.stringify(task)}.`);
    else if (!positions.place(node)) problems.push(`${name}: ${positions.describe(node)} ran before.`);
  }
  return problems;
}
