// What is read from the trace of a training step: whether it is legal, its metrics and its pictures.
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildTrainingPlan } from "../../../src/plan/training-plan.js";
import type { Task } from "../../../src/plan/vocabulary.js";
import { toChromeTrace } from "../../../src/trace/chrome-trace.js";
import { measureTrace } from "../../../src/trace/metrics.js";
import { simulate } from "../../../src/schedule/simulate.js";
import { renderTimeline } from "../../../src/trace/timeline-svg.js";
import type { Trace, TraceStage, TraceSubmission } from "../../../src/trace/trace.js";
import { validateTrace } from "../../../src/trace/validate.js";
import { seed } from "../schedule/arbitrary.js";
import { draftsOf, mutations } from "./mutations.js";
import { arbitraryStep, stepTraceOf, type RandomStep } from "../schedule/training-arbitrary.js";

const twoShares = { lengths: [7, 5, 9, 3], shareOf: [0, 0, 1, 1], layers: 2, sliceTokens: 4 };

describe("the trace of a training step", () => {
  // All but the one for sentences that may spread: shares stay on their queues.
  const crossQueue = /^a cross-queue dependency/;
  for (const [name, mutate] of Object.entries(mutations).filter(([one]) => !crossQueue.test(one)))
    test(`is rejected when ${name}`, () => {
      let rejected = 0;
      for (const { trace, pick } of stepDrafts(2000)) {
        if (!mutate(trace, pick)) continue;
        expect(validateTrace(trace)).not.toEqual([]);
        if (++rejected === 40) break;
      }
      expect(rejected).toBe(40);
    });

  const shareMutations: Record<
    string,
    (shares: number[], draft: { -readonly [F in keyof Trace]: Trace[F] }) => void
  > = {
    "has a share too few": (shares) => shares.pop(),
    "has a share too many": (shares) => shares.push(0),
    "skips a share": (shares) => (shares[0] = 7),
    "has a fraction of a share": (shares) => (shares[0] = 0.5),
    "claims another placement": (_, draft) => (draft.placement = "spread"),
    "hides its shares": (_, draft) => delete (draft as { shares?: unknown }).shares,
  };
  for (const [name, mutate] of Object.entries(shareMutations))
    test(`is rejected when it ${name}`, () => {
      for (const { trace } of stepDrafts(40)) {
        mutate(trace.shares!, trace);
        expect(validateTrace(trace)).not.toEqual([]);
      }
    });

  test("is rejected when weights are summed over another share's sentences", () => {
    const trace = simulate(
      buildTrainingPlan(twoShares),
      { queues: 2, placement: "affine" },
      { durationMs: () => 1 },
    );
    expect(validateTrace(trace)).toEqual([]);
    expect(validateTrace({ ...trace, shares: [0, 1, 0, 1] })).not.toEqual([]);
  });

  test("is rejected when weights are summed on another queue, however late", () => {
    const rows = { sentence: 0, firstToken: 0, tokenCount: 2 };
    const activations: Task[] = [
      { kind: "slice", segment: 0, ...rows },
      { kind: "slice-gradient", segment: 0, ...rows },
    ];
    const weights: Task = { kind: "weight-gradient", share: 0, segment: 0 };
    const trace = { ...emptyStep, lengths: [2], shares: [0], sliceTokens: 2, layers: 0, queues: 2 };
    const together = [submissionOf(0, 0, [...activations, weights])];
    expect(validateTrace({ ...trace, submissions: together })).toEqual([]);
    const apart = [submissionOf(0, 0, activations), submissionOf(1, 9, [weights])];
    expect(validateTrace({ ...trace, submissions: apart })).toEqual([
      "Share 0 left its queue under affine placement.",
    ]);
  });

  test("divides a stage's time by query-key pairs among attention gradients, and by tokens among weights", () => {
    const both = [
      { sentence: 0, firstToken: 0, tokenCount: 3 },
      { sentence: 1, firstToken: 0, tokenCount: 1 },
    ];
    const stages = [
      both.map((rows): Task => ({ kind: "slice", segment: 0, ...rows })),
      both.map((rows): Task => ({ kind: "attention", layer: 0, ...rows })),
      both.map((rows): Task => ({ kind: "slice", segment: 1, ...rows })),
      both.map((rows): Task => ({ kind: "slice-gradient", segment: 1, ...rows })),
      both.map((rows): Task => ({ kind: "attention-gradient", layer: 0, ...rows })),
      both.map((rows): Task => ({ kind: "slice-gradient", segment: 0, ...rows })),
      [1, 0].flatMap((share): Task[] => [{ kind: "weight-gradient", share, segment: 1 }]),
      [1, 0].flatMap((share): Task[] => [{ kind: "weight-gradient", share, segment: 0 }]),
    ].map((tasks, index) => ({ ...ran(10 * index, 10 * index + 10, tasks[0]!), tasks }));
    const submission = { id: 0, queue: 0, encoder: 0, encodedMs: 0, submittedMs: 0, doneMs: 80, stages };
    const trace = { ...emptyStep, lengths: [3, 1], shares: [0, 1], layers: 1, submissions: [submission] };
    expect(validateTrace(trace)).toEqual([]);
    // Sentence 0 has 3 of 4 rows and 9 of 10 pairs. Nothing waits for the weights of segment 1.
    expect(measureTrace(trace).criticalPathMs).toBeCloseTo(7.5 + 9 + 7.5 + 7.5 + 9 + 7.5 + 7.5, 9);
  });

  test("shows weights beside the activation gradients of a queue that is out of step", () => {
    expect(overlapOf([0, 0])).toBe(0);
    // The first queue has three segments of weights; the last of them run beside those of the other queue.
    expect(overlapOf([0, Infinity])).toBeGreaterThanOrEqual(2);
  });

  test("counts by hand while weights ran beside activation gradients", () => {
    const rows = { firstToken: 0, tokenCount: 2 };
    const submission = { encoder: 0, encodedMs: 0, submittedMs: 0, doneMs: 9 };
    const trace: Trace = {
      ...emptyStep,
      lengths: [2, 2],
      shares: [0, 1],
      queues: 2,
      submissions: [
        {
          ...submission,
          id: 0,
          queue: 0,
          stages: [
            ran(0, 1, { kind: "slice", sentence: 0, segment: 0, ...rows }),
            ran(1, 2, { kind: "slice-gradient", sentence: 0, segment: 0, ...rows }),
            ran(2, 6, { kind: "weight-gradient", share: 0, segment: 0 }),
          ],
        },
        {
          ...submission,
          id: 1,
          queue: 1,
          stages: [
            ran(0, 3, { kind: "slice", sentence: 1, segment: 0, ...rows }),
            ran(3, 5, { kind: "slice-gradient", sentence: 1, segment: 0, ...rows }),
            ran(5, 8, { kind: "weight-gradient", share: 1, segment: 0 }),
          ],
        },
      ],
    };
    expect(validateTrace(trace)).toEqual([]);
    const metrics = measureTrace(trace);
    expect(metrics.weightGradientOverlapMs).toBe(2);
    expect(metrics.overlapMs).toBe(0);
    expect(metrics.workMs).toBe(14);
    expect(metrics.criticalPathMs).toBe(8);
  });

  test("has a picture that is well-formed and names all kinds of work", () => {
    const trace = simulate(
      buildTrainingPlan(twoShares),
      { queues: 2, placement: "affine" },
      { durationMs: () => 1 },
    );
    const svg = renderTimeline(trace, { width: 2400 });
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    for (const kind of ["slice", "attention", "weight"]) expect(svg).toContain(`class="${kind}-gradient"`);
    expect(svg).toContain(">dW0<");
    expect(svg).toContain("2 shares");
    // Attention of two layers on two queues, forward and backward, and one more in the legend.
    expect(svg.match(/<path class="fence"/g)?.length).toBe(8 + 1);
  });

  test("goes into a Chrome trace with the shares of its weights", () => {
    const trace = simulate(
      buildTrainingPlan(twoShares),
      { queues: 1, placement: "affine" },
      { durationMs: () => 1 },
    );
    const { traceEvents, otherData } = JSON.parse(toChromeTrace(trace));
    expect(otherData.shares).toEqual([0, 0, 1, 1]);
    const weights = traceEvents.filter((event: { cat?: string }) => event.cat === "weight-gradient");
    expect(weights.map((event: { name: string }) => event.name)).toEqual([
      "weight gradient 2 · 2 shares",
      "weight gradient 1 · 2 shares",
      "weight gradient 0 · 2 shares",
    ]);
    expect(weights[0].args.shares).toEqual([0, 1]);
  });
});

const emptyStep: Trace = {
  lengths: [],
  shares: [],
  sliceTokens: 4,
  layers: 0,
  fence: "sentence",
  placement: "affine",
  queues: 1,
  submissions: [],
};

function stepDrafts(count: number): ReturnType<typeof draftsOf<RandomStep>> {
  return draftsOf(fc.sample(arbitraryStep(), { seed, numRuns: count }), stepTraceOf);
}

/** Each task for a millisecond, from `beginMs` on. */
function submissionOf(queue: number, beginMs: number, tasks: readonly Task[]): TraceSubmission {
  return {
    id: queue,
    queue,
    encoder: 0,
    encodedMs: beginMs,
    submittedMs: beginMs,
    doneMs: beginMs + 5,
    stages: tasks.map((task, index) => ran(beginMs + index, beginMs + index + 1, task)),
  };
}

function ran(beginMs: number, endMs: number, task: Task): TraceStage {
  return { beginMs, endMs, clock: "gpu", tasks: [task] };
}

/** Two shares of equal work on two queues. */
function overlapOf(maxWaitingWeights: readonly number[]): number {
  const plan = buildTrainingPlan({ ...twoShares, lengths: [6, 6, 6, 6] });
  const options = { queues: 2, placement: "affine", maxWaitingWeights } as const;
  const trace = simulate(plan, options, { durationMs: () => 1 });
  expect(validateTrace(trace)).toEqual([]);
  return measureTrace(trace).weightGradientOverlapMs;
}
