// Runs the scheduler against a simulated clock: how a plan would run on queues of known speed, without a GPU.
import type { Plan } from "../plan/plan.js";
import type { Task } from "../plan/vocabulary.js";
import { invariant } from "../util/invariant.js";
import { Scheduler, type SchedulerOptions } from "./scheduler.js";
import type { Submission } from "./submission.js";
import type { Trace, TraceStage, TraceSubmission } from "../trace/trace.js";

/** How the simulated queues behave. Times in ms. */
export interface SimulatedDevice {
  readonly durationMs: (task: Task) => number;
  /** The fixed cost of every stage. */
  readonly stageOverheadMs?: number;
  /** Added to the completion of a submission that moves rows to other queues. */
  readonly moveMs?: number;
  /** The delay from the end of a submission until the host knows of it. */
  readonly hostDelayMs?: number;
}

/** Runs all of `plan`. Equal inputs give equal traces. */
export function simulate(plan: Plan, options: SchedulerOptions, device: SimulatedDevice): Trace {
  const scheduler = new Scheduler(plan, options);
  const queueFreeMs = new Float64Array(options.queues);
  const submissions: TraceSubmission[] = [];
  const pending: TraceSubmission[] = [];
  let nowMs = 0;
  for (;;) {
    for (let queue = 0; queue < options.queues; queue++)
      for (let next = scheduler.next(queue); next; next = scheduler.next(queue)) {
        const executed = simulateSubmission(next, nowMs, Math.max(nowMs, queueFreeMs[queue]!), device);
        queueFreeMs[queue] = executed.stages.at(-1)!.endMs;
        submissions.push(executed);
        pending.push(executed);
      }
    if (pending.length === 0) break;
    // Everything that ends at the same moment is reported before new submissions are asked for.
    pending.sort((a, b) => b.doneMs - a.doneMs || b.queue - a.queue || b.id - a.id);
    nowMs = pending.at(-1)!.doneMs;
    while (pending.at(-1)?.doneMs === nowMs) scheduler.complete(pending.pop()!.id);
  }
  invariant(scheduler.isFinished, "the schedule came to a deadlock");
  return {
    lengths: plan.lengths,
    ...(plan.shareOf ? { shares: plan.shareOf } : {}),
    sliceTokens: plan.sliceTokens,
    layers: plan.layers,
    fence: plan.fence,
    // Under "free" the slices of a sentence may run anywhere, which a trace calls spread.
    placement: options.placement === "free" ? "spread" : options.placement,
    queues: options.queues,
    submissions,
  };
}

function simulateSubmission(
  submission: Submission,
  nowMs: number,
  beginMs: number,
  device: SimulatedDevice,
): TraceSubmission {
  const { durationMs, stageOverheadMs = 0, moveMs = 0, hostDelayMs = 0 } = device;
  const stages: TraceStage[] = [];
  let clockMs = beginMs;
  for (const { tasks } of submission.stages) {
    const stageBeginMs = clockMs;
    clockMs += stageOverheadMs;
    for (const task of tasks) clockMs += durationMs(task);
    stages.push({ beginMs: stageBeginMs, endMs: clockMs, clock: "gpu", tasks });
  }
  return {
    id: submission.id,
    queue: submission.queue,
    encoder: submission.encoder,
    encodedMs: nowMs,
    submittedMs: nowMs,
    doneMs: clockMs + hostDelayMs + (submission.moves.length > 0 ? moveMs : 0),
    stages,
  };
}
