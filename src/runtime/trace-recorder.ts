// Records what a run did as a Trace: host times as they pass, GPU times once they are known, on one clock.
import type { PassTime } from "../gpu/timestamps.js";
import { countTokens } from "../schedule/task-weight.js";
import type { Trace, TraceSubmission } from "../schedule/trace.js";
import type { Submission } from "../schedule/submission.js";

/** Host times of one submission in ms since the run began, and the GPU's times of its groups where it has a clock. */
export interface SubmissionRecord {
  readonly submission: Submission;
  readonly encodedMs: number;
  readonly submittedMs: number;
  readonly doneMs: number;
  readonly passes: readonly PassTime[] | undefined;
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
    return record.passes
      ? onGpuClock(record, record.passes, offsets[queue]!)
      : onHostClock(head, record, Math.min(earliest, record.doneMs));
  });
  return { ...head, submissions };
}

/**
 * What to add to a queue's GPU times. Work cannot begin before it is submitted, and on an idle queue begins at once:
 * so the latest such bound is nearly exact, where completion is learned milliseconds late in a browser.
 */
function clockOffset(records: readonly SubmissionRecord[]): number {
  let offset = -Infinity;
  for (const { passes, submittedMs } of records) {
    const first = passes?.[0];
    if (first) offset = Math.max(offset, submittedMs - first.beginMs);
  }
  return offset;
}

function onGpuClock(record: SubmissionRecord, passes: readonly PassTime[], offset: number): TraceSubmission {
  const { submission, encodedMs, submittedMs, doneMs } = record;
  return {
    id: submission.id,
    queue: submission.queue,
    encoder: submission.encoder,
    encodedMs,
    submittedMs,
    doneMs,
    groups: submission.groups.map(({ tasks }, index) => {
      const { beginMs, endMs } = passes[index]!;
      // Timestamps may be quantised, so that a short pass seems to end before it begins.
      return {
        beginMs: beginMs + offset,
        endMs: Math.max(beginMs, endMs) + offset,
        clock: "gpu" as const,
        tasks,
      };
    }),
  };
}

/** Without a GPU clock, the groups share the time between the queue being free and completion, by their tokens. */
function onHostClock(head: TraceHead, record: SubmissionRecord, earliestMs: number): TraceSubmission {
  const { submission, encodedMs, submittedMs, doneMs } = record;
  const weights = submission.groups.map(({ tasks }) =>
    tasks.reduce((sum, task) => sum + countTokens(task, head), 0),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let beginMs = earliestMs;
  return {
    id: submission.id,
    queue: submission.queue,
    encoder: submission.encoder,
    encodedMs,
    submittedMs,
    doneMs,
    groups: submission.groups.map(({ tasks }, index) => {
      const endMs = beginMs + ((doneMs - earliestMs) * weights[index]!) / total;
      const group = { beginMs, endMs, clock: "cpu" as const, tasks };
      beginMs = endMs;
      return group;
    }),
  };
}
