// Random runs for the schedule's tests, and the fences of DESIGN §3 in their plainest form, to compare with.
import * as fc from "fast-check";
import { buildPlan, type Plan } from "../../../src/plan/plan.js";
import {
  attentionGrainOf,
  type Fence,
  type SchedulerPlacement,
  type Task,
} from "../../../src/plan/vocabulary.js";
import { memberOf } from "../../../src/trace/stage-name.js";
import type { SchedulerOptions } from "../../../src/schedule/scheduler.js";
import { simulate, type SimulatedDevice } from "../../../src/schedule/simulate.js";
import type { Trace } from "../../../src/trace/trace.js";

export interface RandomRun {
  readonly lengths: number[];
  readonly layers: number;
  readonly sliceTokens: number;
  readonly fence: Fence;
  readonly options: SchedulerOptions;
  readonly seed: number;
  readonly stageOverheadMs: number;
  readonly moveMs: number;
  readonly hostDelayMs: number;
}

/** One seed for all property tests: a failure repeats on every machine. */
export const seed = 20_240_607;

export function arbitraryRun(placements: readonly SchedulerPlacement[]): fc.Arbitrary<RandomRun> {
  return fc.record({
    lengths: fc.array(fc.integer({ min: 1, max: 14 }), { minLength: 1, maxLength: 7 }),
    layers: fc.integer({ min: 0, max: 4 }),
    sliceTokens: fc.integer({ min: 1, max: 16 }),
    fence: fc.constantFrom<Fence>("sentence", "prefix"),
    options: fc.record({
      queues: fc.integer({ min: 1, max: 4 }),
      placement: fc.constantFrom(...placements),
      maxInFlight: fc.integer({ min: 1, max: 3 }),
      maxStagesPerSubmission: fc.integer({ min: 1, max: 5 }),
      maxTasksPerStage: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constant(Infinity)),
    }),
    seed: fc.integer({ min: 0, max: 1_000_000 }),
    stageOverheadMs: fc.constantFrom(0, 0.07),
    moveMs: fc.constantFrom(0, 2.7),
    hostDelayMs: fc.constantFrom(0, 0.05, 2.7),
  });
}

export function planOf(run: RandomRun): Plan {
  const attentionGrain = attentionGrainOf(run.fence, run.options.placement);
  return buildPlan({ ...run, attentionGrain });
}

export function deviceOf(run: RandomRun): SimulatedDevice {
  const { stageOverheadMs, moveMs, hostDelayMs } = run;
  return { durationMs: randomDuration(run.seed), stageOverheadMs, moveMs, hostDelayMs };
}

export function traceOf(run: RandomRun): Trace {
  return simulate(planOf(run), run.options, deviceOf(run));
}

/** A duration between 0.05 and 1.05 ms that depends on nothing but the seed and the task. */
export function randomDuration(salt: number): (task: Task) => number {
  return (task) => {
    let hash = Math.imul(salt + 1, 0x9e3779b1);
    const firstToken = task.kind === "weight-gradient" ? 0 : task.firstToken;
    for (const part of [memberOf(task), levelOf(task), task.kind.length, firstToken]) {
      hash = Math.imul(hash ^ (part + 0x7f4a7c15), 0x85ebca6b);
      hash ^= hash >>> 13;
    }
    return 0.05 + (hash >>> 0) / 2 ** 32;
  };
}

export function levelOf(task: Task): number {
  return "segment" in task ? task.segment : task.layer;
}

/** What the definition of the gradients needs to know of a training step. */
export interface Step {
  readonly layers: number;
  readonly shares: readonly number[];
}

/** Whether `task` waits for `other` without any task between them, read off the definition. */
export function waitsFor(task: Task, other: Task, fence: Fence, step?: Step): boolean {
  if (other.kind === "weight-gradient") return false;
  if (task.kind === "weight-gradient")
    return (
      other.kind === "slice-gradient" &&
      other.segment === task.segment &&
      step?.shares[other.sentence] === task.share
    );
  if (task.sentence !== other.sentence) return false;
  switch (task.kind) {
    case "slice":
      return (
        other.kind === "attention" &&
        other.layer === task.segment - 1 &&
        other.firstToken <= task.firstToken &&
        task.firstToken + task.tokenCount <= other.firstToken + other.tokenCount
      );
    case "attention":
      return (
        other.kind === "slice" &&
        other.segment === task.layer &&
        (fence === "sentence" || other.firstToken <= task.firstToken)
      );
    case "slice-gradient":
      return task.segment === step?.layers
        ? other.kind === "slice" && other.segment === task.segment && other.firstToken === task.firstToken
        : other.kind === "attention-gradient" && other.layer === task.segment;
    case "attention-gradient":
      return other.kind === "slice-gradient" && other.segment === task.layer + 1;
    default:
      return task satisfies never;
  }
}
