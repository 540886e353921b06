// How a training step is scheduled and placed.
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeOf } from "../../../src/plan/task.js";
import { buildTrainingPlan } from "../../../src/plan/training-plan.js";
import type { Task } from "../../../src/plan/vocabulary.js";
import { flopCost, nodeCosts } from "../../../src/plan/cost.js";
import { placeTasks } from "../../../src/schedule/placement.js";
import { Scheduler, type SchedulerOptions } from "../../../src/schedule/scheduler.js";
import type { Submission } from "../../../src/schedule/submission.js";
import type { Trace } from "../../../src/trace/trace.js";
import { validateTrace } from "../../../src/trace/validate.js";
import { levelOf, seed } from "./arbitrary.js";
import { tasksOfPlan } from "../plan/edges.js";
import { drive } from "./drive.js";
import { arbitraryStep, stepPlanOf, stepTraceOf } from "./training-arbitrary.js";

const anyStep = arbitraryStep();
const twoShares = { lengths: [7, 5, 9, 3], shareOf: [0, 0, 1, 1], layers: 2, sliceTokens: 4 };

describe("the schedule of a training step", () => {
  test("runs every task exactly once, in an order that the validator accepts", () => {
    fc.assert(
      fc.property(anyStep, (step) => {
        const plan = stepPlanOf(step);
        const trace = stepTraceOf(step);
        const tasks = tasksOf(trace);
        expect(tasks.length).toBe(plan.taskCount);
        expect(new Set(tasks.map((task) => nodeOf(plan, task))).size).toBe(plan.taskCount);
        expect(trace.shares).toEqual(step.shares);
        expect(validateTrace(trace)).toEqual([]);
        expect(validateTrace(JSON.parse(JSON.stringify(trace)) as Trace)).toEqual([]);
      }),
      { seed, numRuns: 1500 },
    );
  });

  test("is the same for the same inputs", () => {
    fc.assert(
      fc.property(anyStep, (step) => {
        expect(stepTraceOf(step)).toEqual(stepTraceOf(step));
      }),
      { seed, numRuns: 200 },
    );
  });

  test("never holds more submissions, stages or tasks than its limits, in whatever order they complete", () => {
    fc.assert(
      fc.property(anyStep, (step) => {
        const { maxInFlight, maxStagesPerSubmission, maxTasksPerStage } = step.options;
        drive(new Scheduler(stepPlanOf(step), step.options), step.seed, (submission, scheduler) => {
          expect(scheduler.inFlight(submission.queue)).toBeLessThanOrEqual(maxInFlight!);
          expect(submission.encoder).toBeLessThan(maxInFlight!);
          expect(submission.moves).toEqual([]);
          expect(submission.stages.length).toBeLessThanOrEqual(maxStagesPerSubmission!);
          for (const { tasks } of submission.stages) {
            expect(tasks.length).toBeGreaterThan(0);
            expect(tasks.length).toBeLessThanOrEqual(maxTasksPerStage!);
          }
        });
      }),
      { seed, numRuns: 300 },
    );
  });

  test("keeps a share of sentences and its weights on one queue", () => {
    fc.assert(
      fc.property(anyStep, (step) => {
        const home = new Map<number, number>();
        drive(new Scheduler(stepPlanOf(step), step.options), step.seed, ({ queue, stages }) => {
          for (const task of stages.flatMap(({ tasks }) => tasks)) {
            const share = task.kind === "weight-gradient" ? task.share : step.shares[task.sentence]!;
            expect(home.get(share) ?? queue).toBe(queue);
            home.set(share, queue);
          }
        });
      }),
      { seed, numRuns: 300 },
    );
  });

  test("sums a share's weights from the last segment to the first, and in one dispatch by share", () => {
    fc.assert(
      fc.property(anyStep, (step) => {
        const segments = new Map<number, number>();
        drive(new Scheduler(stepPlanOf(step), step.options), step.seed, ({ stages }) => {
          for (const { kind, level, tasks } of stages) {
            let previous = -1;
            for (const task of tasks) {
              expect([task.kind, levelOf(task)]).toEqual([kind, level]);
              if (task.kind !== "weight-gradient") continue;
              expect(task.share).toBeGreaterThan(previous);
              previous = task.share;
              expect(segments.get(task.share) ?? step.layers + 1).toBe(task.segment + 1);
              segments.set(task.share, task.segment);
            }
          }
        });
        expect(new Set(segments.values())).toEqual(new Set([0]));
      }),
      { seed, numRuns: 300 },
    );
  });

  test("needs 5·layers + 3 stages on one queue, whatever the batch and the slices", () => {
    fc.assert(
      fc.property(anyStep, (step) => {
        const options = { ...step.options, queues: 1, maxTasksPerStage: Infinity, maxWaitingWeights: 1 };
        const trace = stepTraceOf({ ...step, options });
        const stages = trace.submissions.flatMap((submission) => submission.stages);
        expect(stages.length).toBe(5 * step.layers + 3);
      }),
      { seed, numRuns: 200 },
    );
  });

  test("leaves the weights for last, or as many segments behind as may wait", () => {
    expect(orderOf(1, {})).toBe("s0 a0 s1 a1 s2 ds2 da1 ds1 da0 ds0 dw2 dw1 dw0");
    expect(orderOf(1, { maxWaitingWeights: 0 })).toBe("s0 a0 s1 a1 s2 ds2 dw2 da1 ds1 dw1 da0 ds0 dw0");
    expect(orderOf(1, { maxWaitingWeights: 1 })).toBe("s0 a0 s1 a1 s2 ds2 da1 ds1 dw2 da0 ds0 dw1 dw0");
  });

  test("ends the work of a layer before the next where no weights may wait, however tasks are split", () => {
    const kinds = ["attention-gradient", "slice-gradient", "weight-gradient"];
    fc.assert(
      fc.property(anyStep, (step) => {
        const scheduler = new Scheduler(stepPlanOf(step), { ...step.options, maxWaitingWeights: 0 });
        const reached = new Map<number, number>();
        drive(scheduler, step.seed, ({ queue, stages }) => {
          for (const { kind, level } of stages) {
            const back = 2 * (step.layers - level) + (kind === "attention-gradient" ? -1 : 0);
            const forward = 2 * level + (kind === "attention" ? 1 : 0);
            const place = kinds.includes(kind) ? 2 * step.layers + 1 + back : forward;
            expect(place).toBeGreaterThanOrEqual(reached.get(queue) ?? 0);
            reached.set(queue, place);
          }
        });
      }),
      { seed, numRuns: 500 },
    );
  });

  test("lets no more segments' weights wait than may when it takes other work", () => {
    fc.assert(
      fc.property(anyStep, fc.integer({ min: 0, max: 3 }), (step, maxWaitingWeights) => {
        const options = { ...step.options, maxTasksPerStage: Infinity, maxWaitingWeights };
        const plan = stepPlanOf(step);
        const scheduler = new Scheduler(plan, options);
        const gone = new Set<number>();
        drive(scheduler, step.seed, ({ queue, stages }) => {
          for (const { kind, level, nodes } of stages) {
            // Before the gradients of a segment, the weights of those so far behind it that their rows are reused.
            if (kind === "slice-gradient")
              for (const { node, task } of tasksOfPlan(plan))
                if (
                  task.kind === "weight-gradient" &&
                  task.segment > level + maxWaitingWeights &&
                  scheduler.queueOf(node) === queue
                )
                  expect(gone.has(node), `the weights of segment ${task.segment}`).toBe(true);
            for (const node of nodes) gone.add(node);
          }
        });
      }),
      { seed, numRuns: 200 },
    );
  });

  test("takes weights only where nothing else is ready, unless too many wait", () => {
    fc.assert(
      fc.property(anyStep, (step) => {
        const plan = stepPlanOf(step);
        const options = { ...step.options, maxWaitingWeights: Infinity };
        const submitted = new Set<number>();
        const scheduler = new Scheduler(plan, options);
        drive(scheduler, step.seed, ({ queue, stages }) => {
          for (const { kind, nodes } of stages) {
            if (kind === "weight-gradient")
              for (let node = 0; node < plan.nodeCount; node++)
                if (scheduler.queueOf(node) === queue && plan.sentence[node]! >= 0)
                  expect(submitted.has(node), "activation work that was left behind").toBe(true);
            for (const node of nodes) submitted.add(node);
          }
        });
      }),
      { seed, numRuns: 100 },
    );
  });
});

describe("the placement of shares", () => {
  test("gives each in turn to the least loaded queue", () => {
    const cost = { sliceMs: (_: number, tokens: number): number => tokens, attentionMs: (): number => 0 };
    const lengths = [9, 2, 1, 4, 5];
    const shareOf = [0, 1, 1, 2, 3];
    const plan = buildTrainingPlan({ lengths, shareOf, layers: 1, sliceTokens: 2 });
    const queues = placeTasks(plan, { queues: 2, placement: "affine", cost });
    // Loads: 9 | 3, 3 + 4, 7 + 5.
    const weights = [0, 1, 2, 3].map(
      (share) => queues[nodeOf(plan, { kind: "weight-gradient", share, segment: 1 })!],
    );
    expect(weights).toEqual([0, 1, 1, 1]);
  });

  test("counts what gradients cost", () => {
    const plan = buildTrainingPlan({ lengths: [10, 2], shareOf: [0, 0], layers: 1, sliceTokens: 10 });
    const costs = nodeCosts(plan, flopCost({ channels: 100, hidden: 400, layers: 1, causal: false }));
    const costOf = (task: Task): number => costs[nodeOf(plan, task)!]!;
    const rows = { sentence: 0, firstToken: 0, tokenCount: 10 };
    const slice = costOf({ kind: "slice", segment: 1, ...rows });
    const attention = costOf({ kind: "attention", layer: 0, ...rows });
    expect(costOf({ kind: "slice-gradient", segment: 1, ...rows })).toBeCloseTo(2 * slice, 12);
    expect(costOf({ kind: "attention-gradient", layer: 0, ...rows })).toBeCloseTo(2.5 * attention, 12);
    expect(costOf({ kind: "weight-gradient", share: 0, segment: 1 })).toBeCloseTo(1.2 * slice, 12);
  });
});

function tasksOf(trace: Trace): Task[] {
  return trace.submissions.flatMap(({ stages }) => stages.flatMap(({ tasks }) => tasks));
}

/** The stages of queue 0 in short: kind and level. */
function orderOf(queues: number, options: Omit<SchedulerOptions, "queues" | "placement">): string {
  const short: Readonly<Record<Task["kind"], string>> = {
    slice: "s",
    attention: "a",
    "slice-gradient": "ds",
    "attention-gradient": "da",
    "weight-gradient": "dw",
  };
  const scheduler = new Scheduler(buildTrainingPlan(twoShares), { queues, placement: "affine", ...options });
  const order: string[] = [];
  drive(scheduler, 1, ({ queue, stages }: Submission) => {
    if (queue === 0) for (const { kind, level } of stages) order.push(`${short[kind]}${level}`);
  });
  return order.join(" ");
}
