// The groups of tasks in a picture of a run: their names, their words, and which is beside which.
import type { Trace, TraceGroup } from "../../index.js";
import { count } from "../../jobs/words.js";

export interface ShownGroup {
  /** As the picture names it. */
  readonly id: string;
  readonly queue: number;
  /** Since the run began. */
  readonly beginMs: number;
  readonly endMs: number;
  readonly tasks: TraceGroup["tasks"];
}

/** Sentences that are named one by one. */
const MOST_NAMED = 8;

/** Queue by queue, in the order of their beginnings. */
export function groupsOf(trace: Trace): ShownGroup[] {
  const startMs = Math.min(
    ...trace.submissions.flatMap(({ submittedMs, groups }) => [
      submittedMs,
      ...groups.map(({ beginMs }) => beginMs),
    ]),
  );
  return trace.submissions
    .flatMap(({ id, queue, groups }) =>
      groups.map(({ beginMs, endMs, tasks }, index) => ({
        id: `${id}.${index}`,
        queue,
        beginMs: beginMs - startMs,
        endMs: endMs - startMs,
        tasks,
      })),
    )
    .toSorted((a, b) => a.queue - b.queue || a.beginMs - b.beginMs);
}

/** The group that an arrow key leads to: before or after on the same queue, or at about the same time on the next. */
export function neighbourOf(
  groups: readonly ShownGroup[],
  from: ShownGroup | undefined,
  key: string,
): ShownGroup | undefined {
  if (!from) return groups[0];
  if (key === "ArrowLeft" || key === "ArrowRight") {
    const next = groups[groups.indexOf(from) + (key === "ArrowLeft" ? -1 : 1)];
    return next?.queue === from.queue ? next : undefined;
  }
  const queue = from.queue + (key === "ArrowUp" ? -1 : 1);
  const middle = (from.beginMs + from.endMs) / 2;
  return groups
    .filter((group) => group.queue === queue)
    .reduce<ShownGroup | undefined>(
      (best, group) => (best && distance(best, middle) <= distance(group, middle) ? best : group),
      undefined,
    );
}

const distance = ({ beginMs, endMs }: ShownGroup, ms: number): number => Math.max(beginMs - ms, ms - endMs);

export function describeGroup({ queue, beginMs, endMs, tasks }: ShownGroup): string {
  const [first] = tasks;
  const where = !first
    ? "nothing"
    : "layer" in first
      ? `attention of layer ${first.layer}`
      : `segment ${first.segment}`;
  const sentences = [...new Set(tasks.flatMap((task) => ("sentence" in task ? [task.sentence] : [])))];
  sentences.sort((a, b) => a - b);
  const tokens = tasks.reduce((sum, task) => sum + ("tokenCount" in task ? task.tokenCount : 0), 0);
  const named = sentences.slice(0, MOST_NAMED).join(", ");
  const others = sentences.length > MOST_NAMED ? ` and ${sentences.length - MOST_NAMED} more` : "";
  return (
    `Queue ${queue}, ${where}: ${count(tokens, "token")} of sentence${sentences.length === 1 ? "" : "s"} ${named}${others}. ` +
    `${(endMs - beginMs).toFixed(2)} ms, from ${beginMs.toFixed(2)} to ${endMs.toFixed(2)} ms.`
  );
}
