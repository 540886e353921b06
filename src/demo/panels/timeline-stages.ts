// The stages of a run's picture: their ids, what the page says about them, and which are neighbours.
import type { Trace, TraceStage } from "../../index.js";
import { count } from "../../jobs/words.js";

export interface ShownStage {
  /** Its data-stage attribute in the picture. */
  readonly id: string;
  readonly queue: number;
  /** In ms since the run began. */
  readonly beginMs: number;
  readonly endMs: number;
  readonly tasks: TraceStage["tasks"];
}

/** Up to so many sentences are named one by one. */
const MOST_NAMED = 8;

/** All stages, queue by queue, in the order of their beginnings. */
export function stagesOf(trace: Trace): ShownStage[] {
  const startMs = Math.min(
    ...trace.submissions.flatMap(({ submittedMs, stages }) => [
      submittedMs,
      ...stages.map(({ beginMs }) => beginMs),
    ]),
  );
  return trace.submissions
    .flatMap(({ id, queue, stages }) =>
      stages.map(({ beginMs, endMs, tasks }, index) => ({
        id: `${id}.${index}`,
        queue,
        beginMs: beginMs - startMs,
        endMs: endMs - startMs,
        tasks,
      })),
    )
    .toSorted((a, b) => a.queue - b.queue || a.beginMs - b.beginMs);
}

/** The stage that an arrow key leads to: before or after on the same queue, or at about the same time on the next. */
export function neighbourOf(
  stages: readonly ShownStage[],
  from: ShownStage | undefined,
  key: string,
): ShownStage | undefined {
  if (!from) return stages[0];
  if (key === "ArrowLeft" || key === "ArrowRight") {
    const next = stages[stages.indexOf(from) + (key === "ArrowLeft" ? -1 : 1)];
    return next?.queue === from.queue ? next : undefined;
  }
  const queue = from.queue + (key === "ArrowUp" ? -1 : 1);
  const middle = (from.beginMs + from.endMs) / 2;
  return stages
    .filter((stage) => stage.queue === queue)
    .reduce<ShownStage | undefined>(
      (best, stage) => (best && distance(best, middle) <= distance(stage, middle) ? best : stage),
      undefined,
    );
}

const distance = ({ beginMs, endMs }: ShownStage, ms: number): number => Math.max(beginMs - ms, ms - endMs);

export function describeStage({ queue, beginMs, endMs, tasks }: ShownStage): string {
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
