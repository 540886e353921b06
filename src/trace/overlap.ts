// How long two kinds of work of a trace ran at the same time on different queues.
import type { Task } from "../plan/vocabulary.js";
import type { Trace } from "./trace.js";

/** A stage, reduced to what matters here. */
interface Interval {
  readonly queue: number;
  readonly beginMs: number;
  readonly endMs: number;
  readonly tasks: readonly Task[];
  /** The sentences that it has attention of, and those that it has slices of. */
  readonly attention: ReadonlySet<number>;
  readonly slices: ReadonlySet<number>;
}

/** The ms in which attention of a sentence, forward or backward, ran beside slices of others. Each moment counts once. */
export function overlapOf(trace: Trace): number {
  return measure(trace, ({ attention }, { slices }) => haveDifferent(attention, slices));
}

/** The ms in which weight gradients ran beside activation gradients of other sentences or layers. */
export function weightGradientOverlapOf(trace: Trace): number {
  const shareOf = trace.shares ?? [];
  return measure(trace, (a, b) =>
    a.tasks.some(
      (weights) =>
        weights.kind === "weight-gradient" &&
        b.tasks.some(
          (task) =>
            (task.kind === "slice-gradient" &&
              (shareOf[task.sentence] !== weights.share || task.segment !== weights.segment)) ||
            (task.kind === "attention-gradient" &&
              (shareOf[task.sentence] !== weights.share || task.layer !== weights.segment)),
        ),
    ),
  );
}

/** The ms in which some pair of stages on different queues fits. */
function measure(trace: Trace, fits: (a: Interval, b: Interval) => boolean): number {
  const opening = intervalsOf(trace);
  const boundaries = [...new Set(opening.flatMap(({ beginMs, endMs }) => [beginMs, endMs]))];
  boundaries.sort((a, b) => a - b);
  // Few stages run at once, so looking at all pairs is cheap.
  let running: Interval[] = [];
  let opened = 0;
  let overlapMs = 0;
  for (const [index, momentMs] of boundaries.entries()) {
    running = running.filter((interval) => interval.endMs > momentMs);
    for (; opened < opening.length && opening[opened]!.beginMs <= momentMs; opened++)
      if (opening[opened]!.endMs > momentMs) running.push(opening[opened]!);
    const untilMs = boundaries[index + 1] ?? momentMs;
    if (running.some((a) => running.some((b) => a.queue !== b.queue && fits(a, b))))
      overlapMs += untilMs - momentMs;
  }
  return overlapMs;
}

/** Whether some member of one set differs from some member of the other. */
function haveDifferent(some: ReadonlySet<number>, others: ReadonlySet<number>): boolean {
  const [first] = some;
  if (first === undefined || others.size === 0) return false;
  return some.size > 1 || others.size > 1 || !others.has(first);
}

/** All stages, in the order of their beginnings. */
function intervalsOf(trace: Trace): Interval[] {
  const intervals = trace.submissions.flatMap(({ queue, stages }) =>
    stages.map(({ beginMs, endMs, tasks }): Interval => {
      const attention = sentencesOf(tasks, "attention", "attention-gradient");
      const slices = sentencesOf(tasks, "slice", "slice-gradient");
      return { queue, beginMs, endMs, tasks, attention, slices };
    }),
  );
  return intervals.toSorted((a, b) => a.beginMs - b.beginMs);
}

function sentencesOf(tasks: readonly Task[], ...kinds: readonly Task["kind"][]): Set<number> {
  const sentences = new Set<number>();
  for (const task of tasks)
    if (task.kind !== "weight-gradient" && kinds.includes(task.kind)) sentences.add(task.sentence);
  return sentences;
}
