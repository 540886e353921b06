// What is chosen where the caller leaves it open: from what queues have shown, and always something that may be asked for.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildPlan } from "../../../src/plan/plan.js";
import type { QueueGain } from "../../../src/plan/vocabulary.js";
import {
  chooseSchedule,
  type QueueSpeed,
  type ScheduleQuestion,
} from "../../../src/schedule/choose-schedule.js";
import { flopCost } from "../../../src/plan/cost.js";
import { ENOUGH_MS, Pace } from "../../../src/schedule/pace.js";
import { Scheduler } from "../../../src/schedule/scheduler.js";

const cost = flopCost({ channels: 256, hidden: 1024, layers: 4, causal: true });
const turns: QueueGain = { small: 1, large: 1 };
const independent: QueueGain = { small: 2, large: 2 };

const question = (lengths: readonly number[], more: Partial<ScheduleQuestion> = {}): ScheduleQuestion => ({
  lengths,
  layers: 4,
  fence: "sentence",
  queues: "auto",
  placement: "auto",
  sliceTokens: "auto",
  ...more,
});

const speed = (more: Partial<QueueSpeed> = {}): QueueSpeed => ({
  queues: 2,
  cost,
  msPerCost: 0.3,
  msPerStage: 0.2,
  gain: turns,
  mostMs: 10,
  ...more,
});

const many = Array.from({ length: 32 }, (_, index) => 8 + ((index * 7) % 40));

describe("chooseSchedule", () => {
  it("takes what it is told", () => {
    const told = { queues: 2, placement: "spread", sliceTokens: 7 } as const;
    expect(chooseSchedule(question(many, told), speed())).toEqual(told);
  });

  it("uses one queue where two only take turns, and two where they add up", () => {
    expect(chooseSchedule(question(many), speed()).queues).toBe(1);
    expect(chooseSchedule(question(many), speed({ gain: independent })).queues).toBe(2);
  });

  it("leaves a second queue alone that would have nothing to do", () => {
    const alone = question([100], { placement: "affine" });
    expect(chooseSchedule(alone, speed({ gain: independent })).queues).toBe(1);
  });

  it("spreads one long sentence where that pays for moving its rows, and a short one nowhere", () => {
    const fast = speed({ gain: independent });
    expect(chooseSchedule(question([512]), fast)).toMatchObject({ queues: 2, placement: "spread" });
    expect(chooseSchedule(question([12]), fast)).toMatchObject({ queues: 1, placement: "affine" });
    expect(chooseSchedule(question([512], { queues: 2 }), speed())).toMatchObject({ placement: "affine" });
    const alone = question([512], { queues: 1, placement: "spread" });
    expect(chooseSchedule(alone, fast).placement).toBe("affine");
  });

  it("cuts slices that take no longer than a turn, and no sentence that is shorter", () => {
    const { sliceTokens } = chooseSchedule(question([512], { queues: 1 }), speed());
    expect(sliceTokens % 4).toBe(0);
    expect(sliceTokens * cost.sliceMs(1, 1) * 0.3).toBeLessThanOrEqual(10);
    expect((sliceTokens + 8) * cost.sliceMs(1, 1) * 0.3).toBeGreaterThan(10);
    expect(chooseSchedule(question([512], { queues: 1 }), speed({ mostMs: 20 })).sliceTokens).toBeGreaterThan(
      1.8 * sliceTokens,
    );
    const spread = question([512], { queues: 2, placement: "spread" });
    expect(chooseSchedule(spread, speed({ mostMs: 1000 })).sliceTokens).toBe(64);
    expect(chooseSchedule(question([9, 5], { queues: 1 }), speed({ msPerCost: 1e-6 })).sliceTokens).toBe(9);
  });

  it("always answers what may be asked for", () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 6 });
    const rate = fc.double({ min: 1e-6, max: 100, noNaN: true });
    const gain = fc.double({ min: 0.5, max: 2, noNaN: true });
    fc.assert(
      fc.property(
        lengths,
        fc.constantFrom("sentence" as const, "prefix" as const),
        fc.integer({ min: 1, max: 3 }),
        rate,
        rate,
        gain,
        (own, fence, queues, msPerCost, msPerStage, small) => {
          const known = speed({ queues, msPerCost, msPerStage, gain: { small, large: 1 } });
          const chosen = chooseSchedule(question(own, { fence }), known);
          expect(chosen.queues).toBeGreaterThanOrEqual(1);
          expect(chosen.queues).toBeLessThanOrEqual(queues);
          expect(Number.isInteger(chosen.sliceTokens)).toBe(true);
          expect(chosen.sliceTokens).toBeGreaterThanOrEqual(1);
          expect(chosen.sliceTokens).toBeLessThanOrEqual(Math.max(...own));
          if (chosen.queues === 1) expect(chosen.placement).toBe("affine");
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("Pace", () => {
  it("tells what stages cost from what work costs", () => {
    const pace = new Pace();
    for (let index = 0; index < 200; index++) {
      const [work, stages] = [1 + ((index * 37) % 400), 1 + ((index * 5) % 9)];
      pace.observe(work, stages, 0.05 * work + 0.7 * stages);
    }
    expect(pace.msPerCost).toBeCloseTo(0.05, 3);
    expect(pace.msPerStage).toBeCloseTo(0.7, 2);
  });

  it("finds its way from a guess that is a thousand times off, and is not thrown by a stall", () => {
    const pace = new Pace();
    for (let index = 0; index < 30; index++) pace.observe(1000, 1, 1);
    const expected = (): number => 1000 * pace.msPerCost + pace.msPerStage;
    expect(expected()).toBeCloseTo(1, 1);
    pace.observe(1000, 1, 10_000);
    expect(expected()).toBeLessThanOrEqual(4.1);
  });

  it("learns nothing from what took no time, and stays above zero", () => {
    const pace = new Pace();
    const before = pace.msPerCost;
    pace.observe(10, 1, 0);
    pace.observe(0, 0, 5);
    expect(pace.msPerCost).toBe(before);
    for (let index = 0; index < 2000; index++) pace.observe(1e6, 64, 1e-9);
    expect(pace.msPerCost).toBeGreaterThan(0);
    expect(pace.limits(10).mostCost).toBeGreaterThan(0);
  });
});

describe("a submission", () => {
  const plan = buildPlan({
    lengths: [8, 8, 8, 8],
    layers: 6,
    sliceTokens: 8,
    fence: "sentence",
    attentionGrain: "sentence",
  });
  const scheduler = (): Scheduler =>
    new Scheduler(plan, { queues: 1, placement: "affine", cost, maxStagesPerSubmission: 64 });

  it("takes stages until it is long enough, those that cost nothing by their overhead", () => {
    const pace = new Pace();
    for (let index = 0; index < 500; index++) pace.observe(1 + index, 1 + (index % 7), 1 + (index % 7));
    const submission = scheduler().next(0, pace.limits(Infinity))!;
    expect(submission.stages.length).toBeGreaterThanOrEqual(ENOUGH_MS - 1);
    expect(submission.stages.length).toBeLessThanOrEqual(ENOUGH_MS + 1);
  });

  it("holds all where all is short, and a single stage where that is long", () => {
    const all = scheduler().next(0, { mostCost: Infinity, enoughCost: 1e9, stageCost: 1 })!;
    expect(all.stages.length).toBe(13);
    const one = scheduler().next(0, { mostCost: Infinity, enoughCost: 1e-9, stageCost: 0 })!;
    expect(one.stages.length).toBe(1);
    expect(one.stages[0]!.tasks.length).toBe(4);
  });

  it("counts the overhead of stages against the most that it may cost", () => {
    const [stage] = scheduler().next(0, { mostCost: Infinity, enoughCost: 1e-9, stageCost: 0 })!.stages;
    const tasks = stage!.tasks.length * cost.sliceMs(0, 8);
    const limits = { mostCost: tasks + 10, enoughCost: Infinity, stageCost: 11 };
    expect(scheduler().next(0, limits)!.stages[0]!.tasks.length).toBe(3);
  });
});
