// Figures of a trace: how long the run took, how well its queues were used, and how far it is from the best possible.
import { nodeOf } from "../plan/task.js";
import { overlapOf, weightGradientOverlapOf } from "./overlap.js";
import { remainingPaths } from "../plan/remaining-path.js";
import { weightOf } from "./task-weight.js";
import { planOfTrace } from "./trace-plan.js";
import type { Trace, TraceStage } from "./trace.js";

/** Where the time of a run went. */
export interface TraceMetrics {
  /** From the first submission until the host knew that the last was complete. */
  readonly makespanMs: number;
  /** The durations of all stages together. */
  readonly workMs: number;
  /** The longest chain of dependent tasks. Each task takes its part of its stage's duration. */
  readonly criticalPathMs: number;
  /** max(work ÷ queues, critical path): no order of the same tasks on as many queues is faster. */
  readonly boundMs: number;
  /** Bound ÷ makespan; 1 is perfect. */
  readonly efficiency: number;
  /** The part of the makespan in which queues were idle, averaged over the queues. */
  readonly bubbleFraction: number;
  /** The time in which attention of one sentence ran on one queue while slices of another ran elsewhere, also backward. */
  readonly overlapMs: number;
  /** The time in which weight gradients ran on one queue while activation gradients of others ran elsewhere. */
  readonly weightGradientOverlapMs: number;
  /** Per queue, the time in which at least one stage ran. */
  readonly busyMs: readonly number[];
}

/** Makespan, work, bounds and overlap of a run, from its trace. */
export function measureTrace(trace: Trace): TraceMetrics {
  const { startMs, endMs } = spanOf(trace);
  const makespanMs = endMs - startMs;
  const workMs = sum(stagesOf(trace).map((stage) => stage.endMs - stage.beginMs));
  const criticalPathMs = criticalPathOf(trace);
  const boundMs = Math.max(workMs / trace.queues, criticalPathMs);
  return {
    makespanMs,
    workMs,
    criticalPathMs,
    boundMs,
    efficiency: makespanMs > 0 ? boundMs / makespanMs : 1,
    bubbleFraction: makespanMs > 0 ? 1 - workMs / (trace.queues * makespanMs) : 0,
    overlapMs: overlapOf(trace),
    weightGradientOverlapMs: weightGradientOverlapOf(trace),
    busyMs: Array.from({ length: trace.queues }, (_, queue) => busyTimeOf(trace, queue)),
  };
}

/** The first and the last moment of a trace, by the host's clock and the stages' together. */
export function spanOf(trace: Trace): { startMs: number; endMs: number } {
  let startMs = Infinity;
  let endMs = -Infinity;
  for (const { submittedMs, doneMs, stages } of trace.submissions) {
    startMs = Math.min(startMs, submittedMs, ...stages.map((stage) => stage.beginMs));
    endMs = Math.max(endMs, doneMs, ...stages.map((stage) => stage.endMs));
  }
  return trace.submissions.length > 0 ? { startMs, endMs } : { startMs: 0, endMs: 0 };
}

function criticalPathOf(trace: Trace): number {
  const plan = planOfTrace(trace);
  const times = new Float64Array(plan.nodeCount);
  for (const stage of stagesOf(trace)) {
    const weights = stage.tasks.map((task) => weightOf(task, trace));
    const perWeight = (stage.endMs - stage.beginMs) / sum(weights);
    for (const [index, task] of stage.tasks.entries()) {
      const node = nodeOf(plan, task);
      if (node !== undefined) times[node] = weights[index]! * perWeight;
    }
  }
  return remainingPaths(plan, times).reduce((longest, path) => Math.max(longest, path), 0);
}

function busyTimeOf(trace: Trace, queue: number): number {
  const stages = trace.submissions.flatMap((submission) =>
    submission.queue === queue ? submission.stages : [],
  );
  let busyMs = 0;
  let coveredMs = -Infinity;
  for (const { beginMs, endMs } of stages.toSorted((a, b) => a.beginMs - b.beginMs)) {
    busyMs += Math.max(0, endMs - Math.max(beginMs, coveredMs));
    coveredMs = Math.max(coveredMs, endMs);
  }
  return busyMs;
}

function stagesOf(trace: Trace): TraceStage[] {
  return trace.submissions.flatMap((submission) => submission.stages);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
