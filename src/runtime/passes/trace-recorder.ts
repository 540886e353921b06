// Records a run as a Trace: the host's times at once, the GPU's times when they are known, on one clock.
import type { PassTime } from "../../gpu/timestamps.js";
import { invariant } from "../../util/invariant.js";
import { countTokens } from "../../trace/task-weight.js";
import type { KernelTime, Trace, TraceStage } from "../../trace/trace.js";
import type { Submission } from "../../schedule/submission.js";

/** Host times of one submission in ms since the run began, and the GPU's times of its stages where it has a clock. */
export interface SubmissionRecord {
  readonly submission: Submission;
  readonly encodedMs: number;
  readonly submittedMs: number;
  readonly doneMs: number;
  readonly times: readonly StageTime[] | undefined;
}

/** When the GPU ran a stage, and its dispatches if each had a pass of its own. */
interface StageTime extends PassTime {
  readonly kernels?: readonly KernelTime[];
}

/** Returns times of stages from those of passes. `firstPasses` are the first passes of stages, `labels` the passes' kernels. */
export function stageTimes(
  passes: readonly PassTime[],
  firstPasses: readonly number[],
  labels: readonly string[] | undefined,
): StageTime[] {
  return firstPasses.map((first, stage) => {
    const own = passes.slice(first, firstPasses[stage + 1]);
    invariant(own.length > 0, "a stage has no pass");
    const kernels =
      labels && own.map((pass, index) => ({ kernel: labels[first + index]!, elapsedMs: elapsedOf(pass) }));
    const { beginMs } = own[0]!;
    return { beginMs, endMs: own.at(-1)!.endMs, ...(kernels ? { kernels } : {}) };
  });
}

/** Timestamps may be quantised, so that a short pass seems to end before it begins. */
function elapsedOf({ beginMs, endMs }: PassTime): number {
  return Math.max(0, endMs - beginMs);
}

type TraceHead = Omit<Trace, "submissions">;

/** Joins the records of a run, in the order of submission, to a trace. */
export function traceOf(head: TraceHead, records: readonly SubmissionRecord[]): Trace {
  const offsets = Array.from({ length: head.queues }, (_, queue) =>
    clockOffset(records.filter((record) => record.submission.queue === queue)),
  );
  const previousDoneMs = new Float64Array(head.queues);
  const submissions = records.map((record) => {
    const { queue } = record.submission;
    const earliest = Math.max(record.submittedMs, previousDoneMs[queue]!);
    previousDoneMs[queue] = record.doneMs;
    const stages = record.times
      ? onGpuClock(record.submission, record.times, offsets[queue]!)
      : onHostClock(head, record, Math.min(earliest, record.doneMs));
    const { submission, encodedMs, submittedMs, doneMs } = record;
    const { id, encoder } = submission;
    return { id, queue, encoder, encodedMs, submittedMs, doneMs, stages };
  });
  return { ...head, submissions };
}

/**
 * Returns what to add to a queue's GPU times. Work cannot begin before it is submitted, and on an idle queue it begins at once, so
 * the latest such bound is nearly exact. Completion is not: a browser notices it milliseconds late.
 */
function clockOffset(records: readonly SubmissionRecord[]): number {
  let offset = -Infinity;
  for (const { times, submittedMs } of records) {
    const first = times?.[0];
    if (first) offset = Math.max(offset, submittedMs - first.beginMs);
  }
  return offset;
}

function onGpuClock(submission: Submission, times: readonly StageTime[], offset: number): TraceStage[] {
  return submission.stages.map(({ tasks }, index) => {
    const { beginMs, kernels } = times[index]!;
    return {
      beginMs: beginMs + offset,
      endMs: beginMs + elapsedOf(times[index]!) + offset,
      clock: "gpu" as const,
      tasks,
      ...(kernels ? { kernels } : {}),
    };
  });
}

/** Without a GPU clock, the time from the queue being free to completion is divided among the stages by their tokens. */
function onHostClock(
  head: TraceHead,
  { submission, doneMs }: SubmissionRecord,
  earliestMs: number,
): TraceStage[] {
  const weights = submission.stages.map(({ tasks }) =>
    tasks.reduce((sum, task) => sum + countTokens(task, head), 0),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let beginMs = earliestMs;
  return submission.stages.map(({ tasks }, index) => {
    const endMs = beginMs + ((doneMs - earliestMs) * weights[index]!) / total;
    const stage = { beginMs, endMs, clock: "cpu" as const, tasks };
    beginMs = endMs;
    return stage;
  });
}
