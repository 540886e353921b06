// Random training steps for the tests of plans and schedules.
import * as fc from "fast-check";
import { buildTrainingPlan, type TrainingPlan } from "../../../src/plan/training-plan.js";
import type { Fence } from "../../../src/plan/vocabulary.js";
import type { SchedulerOptions } from "../../../src/schedule/scheduler.js";
import { simulate, type SimulatedDevice } from "../../../src/schedule/simulate.js";
import type { Trace } from "../../../src/trace/trace.js";
import { randomDuration } from "./arbitrary.js";

export interface RandomStep {
  readonly lengths: readonly number[];
  /** The share of each sentence. */
  readonly shares: readonly number[];
  readonly layers: number;
  readonly sliceTokens: number;
  readonly fence: Fence;
  readonly options: SchedulerOptions;
  readonly seed: number;
  readonly device: Omit<SimulatedDevice, "durationMs">;
}

export function arbitraryStep(): fc.Arbitrary<RandomStep> {
  const sentence = fc.record({
    length: fc.integer({ min: 1, max: 14 }),
    share: fc.integer({ min: 0, max: 4 }),
  });
  const waiting = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant(Infinity));
  return fc
    .record({
      sentences: fc.array(sentence, { minLength: 1, maxLength: 7 }),
      layers: fc.integer({ min: 0, max: 4 }),
      sliceTokens: fc.integer({ min: 1, max: 16 }),
      fence: fc.constantFrom<Fence>("sentence", "prefix"),
      options: fc.record({
        queues: fc.integer({ min: 1, max: 4 }),
        placement: fc.constant("affine" as const),
        maxInFlight: fc.integer({ min: 1, max: 3 }),
        maxStagesPerSubmission: fc.integer({ min: 1, max: 5 }),
        maxTasksPerStage: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constant(Infinity)),
        maxWaitingWeights: fc.oneof(waiting, fc.array(waiting, { minLength: 4, maxLength: 4 })),
      }),
      seed: fc.integer({ min: 0, max: 1_000_000 }),
      device: fc.record({
        stageOverheadMs: fc.constantFrom(0, 0.07),
        moveMs: fc.constantFrom(0, 2.7),
        hostDelayMs: fc.constantFrom(0, 0.05, 2.7),
      }),
    })
    .map(({ sentences, ...step }) => {
      const used = [...new Set(sentences.map(({ share }) => share))].toSorted((a, b) => a - b);
      return {
        ...step,
        lengths: sentences.map(({ length }) => length),
        shares: sentences.map(({ share }) => used.indexOf(share)),
      };
    });
}

export function stepPlanOf({
  lengths,
  shares,
  layers,
  sliceTokens,
  fence,
}: Omit<RandomStep, "options">): TrainingPlan {
  return buildTrainingPlan({ lengths, shareOf: shares, layers, sliceTokens, fence });
}

export function stepTraceOf(step: RandomStep): Trace {
  return simulate(stepPlanOf(step), step.options, { durationMs: randomDuration(step.seed), ...step.device });
}
