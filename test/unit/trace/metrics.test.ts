import { describe, expect, test } from "vitest";
import { buildPlan } from "../../../src/plan/plan.js";
import type { Task } from "../../../src/plan/vocabulary.js";
import { attentionPairs, flopCost, nodeCosts } from "../../../src/plan/cost.js";
import { measureTrace } from "../../../src/trace/metrics.js";
import { placeTasks } from "../../../src/schedule/placement.js";
import type { Trace, TraceStage } from "../../../src/trace/trace.js";
import { validateTrace } from "../../../src/trace/validate.js";
import { twoQueueTrace } from "./example.js";

describe("the metrics of a trace", () => {
  test("of two sentences on two queues are those counted by hand", () => {
    expect(validateTrace(twoQueueTrace)).toEqual([]);
    const metrics = measureTrace(twoQueueTrace);
    expect(metrics.makespanMs).toBe(10);
    expect(metrics.workMs).toBe(16);
    // Sentence 0: 2 + 3 + 4. Sentence 1: 4 + 1 + 2.
    expect(metrics.criticalPathMs).toBe(9);
    expect(metrics.boundMs).toBe(9);
    expect(metrics.efficiency).toBe(0.9);
    expect(metrics.bubbleFraction).toBeCloseTo(0.2, 12);
    // Attention of sentence 0 at 2…5 over slices of sentence 1 at 0…4, then of 1 at 5…6 over slices of 0 at 5…9.
    expect(metrics.overlapMs).toBe(3);
    expect(metrics.busyMs).toEqual([9, 7]);
  });

  test("give each task its part of its stage", () => {
    const stages = [
      stage(0, 4, [slice(0, 0, 3), slice(1, 0, 1)]),
      stage(4, 14, [attention(0, 3), attention(1, 1)]),
      stage(14, 18, [slice(0, 1, 3), slice(1, 1, 1)]),
    ];
    const trace: Trace = {
      ...twoQueueTrace,
      lengths: [3, 1],
      queues: 1,
      submissions: [{ id: 0, queue: 0, encoder: 0, encodedMs: 0, submittedMs: 0, doneMs: 18, stages }],
    };
    expect(validateTrace(trace)).toEqual([]);
    const { workMs, criticalPathMs, boundMs, overlapMs } = measureTrace(trace);
    expect(workMs).toBe(18);
    // Sentence 0 has 3 of 4 rows, and 9 of 10 query-key pairs.
    expect(criticalPathMs).toBe(3 + 9 + 3);
    expect(boundMs).toBe(18);
    expect(overlapMs).toBe(0);
  });

  test("do not call it overlap when slices of the same sentence run beside its attention", () => {
    const [first, second] = twoQueueTrace.submissions;
    const only = (submission: typeof first, sentence: number): NonNullable<typeof first> => ({
      ...submission!,
      stages: submission!.stages.map((one) => ({
        ...one,
        tasks: one.tasks.map((task) => ({ ...task, sentence })),
      })),
    });
    const overlapOf = (a: number, b: number): number =>
      measureTrace({ ...twoQueueTrace, submissions: [only(first, a), only(second, b)] }).overlapMs;
    expect(overlapOf(0, 0)).toBe(0);
    expect(overlapOf(1, 0)).toBe(3);
  });

  test("of an empty run are finite", () => {
    const metrics = measureTrace({ ...twoQueueTrace, lengths: [], submissions: [] });
    expect(metrics).toMatchObject({ makespanMs: 0, workMs: 0, efficiency: 1, bubbleFraction: 0 });
  });
});

describe("the cost of tasks", () => {
  test("counts query-key pairs", () => {
    expect(attentionPairs(4, 3, 10, false)).toBe(30);
    // Rows 4, 5 and 6 look at 5, 6 and 7 keys.
    expect(attentionPairs(4, 3, 10, true)).toBe(18);
  });

  test("counts multiply-adds of the first, the middle and the last segment", () => {
    const cost = flopCost({ channels: 1000, hidden: 4000, layers: 2, causal: false });
    expect([0, 1, 2].map((segment) => cost.sliceMs(segment, 1))).toEqual([3, 12, 9]);
    expect(cost.attentionMs(0, 5, 10)).toBeCloseTo(0.1, 12);
  });
});

describe("placement", () => {
  const cost = { sliceMs: (_: number, tokens: number): number => tokens, attentionMs: (): number => 0 };

  test("affine gives the longest sentence first to the least loaded queue", () => {
    const lengths = [3, 9, 4, 5];
    const plan = buildPlan({ lengths, layers: 1, sliceTokens: 2, fence: "prefix", attentionGrain: "slice" });
    const queues = placeTasks(plan, { queues: 2, placement: "affine", cost });
    const first = lengths.map((_, sentence) => queues[plan.numbering.sliceStart[sentence]!]);
    expect(first).toEqual([0, 0, 1, 1]);
  });

  test("spread cuts one sentence into a contiguous run per queue", () => {
    const shape = { lengths: [9], layers: 1, sliceTokens: 2, fence: "sentence" } as const;
    const plan = buildPlan({ ...shape, attentionGrain: "slice" });
    const queues = placeTasks(plan, { queues: 2, placement: "spread", cost });
    // The second run has one token more, so that it chooses first.
    expect([...queues]).toEqual([1, 1, 0, 0, 0, -1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0]);
  });

  test("spread balances sentences that have fewer slices than there are queues", () => {
    const shape = { lengths: [4, 4, 4, 4, 4, 4, 4, 4], layers: 2, fence: "sentence" } as const;
    const plan = buildPlan({ ...shape, sliceTokens: 4, attentionGrain: "slice" });
    const queues = placeTasks(plan, { queues: 4, placement: "spread", cost });
    const costs = nodeCosts(plan, cost);
    const loads = [0, 0, 0, 0];
    for (const [node, queue] of queues.entries()) if (queue >= 0) loads[queue]! += costs[node]!;
    expect(loads).toEqual([24, 24, 24, 24]);
  });

  test("free leaves every task to whoever asks", () => {
    const plan = buildPlan({
      lengths: [4],
      layers: 1,
      sliceTokens: 2,
      fence: "sentence",
      attentionGrain: "slice",
    });
    expect(new Set(placeTasks(plan, { queues: 3, placement: "free", cost }))).toEqual(new Set([-1]));
  });
});

function stage(beginMs: number, endMs: number, tasks: Task[]): TraceStage {
  return { beginMs, endMs, clock: "gpu", tasks };
}

function slice(sentence: number, segment: number, tokenCount: number): Task {
  return { kind: "slice", sentence, segment, firstToken: 0, tokenCount };
}

function attention(sentence: number, tokenCount: number): Task {
  return { kind: "attention", sentence, layer: 0, firstToken: 0, tokenCount };
}
