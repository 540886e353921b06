// How long attention of one sentence and slices of other sentences ran at the same time on different queues.
import type { Trace } from "./trace.js";

/** What of a group matters here: its kinds of work, and its sentence where it has only one. */
interface Interval {
  readonly queue: number;
  readonly beginMs: number;
  readonly endMs: number;
  readonly hasAttention: boolean;
  readonly hasSlices: boolean;
  /** −1 where tasks of several sentences share the group. */
  readonly onlySentence: number;
}

/** Milliseconds of overlap in `trace`, every moment counted once. */
export function overlapOf(trace: Trace): number {
  const opening = intervalsOf(trace);
  const boundaries = [...new Set(opening.flatMap(({ beginMs, endMs }) => [beginMs, endMs]))];
  boundaries.sort((a, b) => a - b);
  // Few groups run at once, so that looking at all pairs of those is cheap.
  let running: Interval[] = [];
  let opened = 0;
  let overlapMs = 0;
  for (const [index, momentMs] of boundaries.entries()) {
    running = running.filter((interval) => interval.endMs > momentMs);
    for (; opened < opening.length && opening[opened]!.beginMs <= momentMs; opened++)
      if (opening[opened]!.endMs > momentMs) running.push(opening[opened]!);
    const untilMs = boundaries[index + 1] ?? momentMs;
    if (running.some((a) => running.some((b) => overlaps(a, b)))) overlapMs += untilMs - momentMs;
  }
  return overlapMs;
}

function overlaps(attention: Interval, slices: Interval): boolean {
  if (attention.queue === slices.queue || !attention.hasAttention || !slices.hasSlices) return false;
  return attention.onlySentence === -1 || attention.onlySentence !== slices.onlySentence;
}

/** By the time they begin. */
function intervalsOf(trace: Trace): Interval[] {
  const intervals = trace.submissions.flatMap(({ queue, groups }) =>
    groups.map(({ beginMs, endMs, tasks }): Interval => {
      const sentence = tasks[0]?.sentence ?? -1;
      const alone = tasks.every((task) => task.sentence === sentence);
      return {
        queue,
        beginMs,
        endMs,
        hasAttention: tasks.some((task) => task.kind === "attention"),
        hasSlices: tasks.some((task) => task.kind === "slice"),
        onlySentence: alone ? sentence : -1,
      };
    }),
  );
  return intervals.toSorted((a, b) => a.beginMs - b.beginMs);
}
