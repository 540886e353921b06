import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ArgumentError } from "../../../src/errors.js";
import { buildPlan } from "../../../src/plan/plan.js";
import { nodeOf } from "../../../src/plan/task.js";
import { buildTrainingPlan } from "../../../src/plan/training-plan.js";
import { attentionGrainOf, type Task } from "../../../src/plan/vocabulary.js";
import { dependenciesOf, edgesFrom, edgesOf, tasksOfPlan } from "./edges.js";
import { levelOf, seed, waitsFor } from "../schedule/arbitrary.js";
import { arbitraryStep, stepPlanOf } from "../schedule/training-arbitrary.js";

const anyStep = arbitraryStep();

describe("the plan of a training step", () => {
  test("of one sentence, two slices and one layer has the nodes and edges one would draw", () => {
    const plan = buildTrainingPlan({ lengths: [5], shareOf: [0], layers: 1, sliceTokens: 3 });
    expect([...plan.kind].join(" ")).toBe("0 0 2 1 0 0 3 3 2 5 4 3 3 2 5");
    expect([...plan.level].join(" ")).toBe("0 0 0 0 1 1 1 1 1 1 0 0 0 0 0");
    expect(edgesOf(plan).join(" ")).toBe(
      "0>2 1>2 2>3 3>4 3>5 4>6 5>7 6>8 7>8 8>9 8>10 10>11 10>12 11>13 12>13 13>14",
    );
    expect(plan.taskCount).toBe(12);
    expect(tasksOfPlan(plan).at(-1)?.task).toEqual({ kind: "weight-gradient", share: 0, segment: 0 });
  });

  test("sums the weights of a share over all of its sentences, and of no other", () => {
    const plan = buildTrainingPlan({ lengths: [2, 3, 2], shareOf: [1, 0, 1], layers: 0, sliceTokens: 2 });
    const waits = [0, 1].map((share) => {
      const node = nodeOf(plan, { kind: "weight-gradient", share, segment: 0 })!;
      return dependenciesOf(plan, node).map((slice) => plan.sentence[slice]);
    });
    expect(waits).toEqual([
      [1, 1],
      [0, 2],
    ]);
  });

  test("waits for exactly what the definition says", () => {
    fc.assert(
      fc.property(anyStep, (step) => {
        const plan = stepPlanOf(step);
        const tasks = tasksOfPlan(plan);
        for (const { node, task } of tasks) {
          const expected = tasks.filter((other) => waitsFor(task, other.task, step.fence, step));
          expect(dependenciesOf(plan, node)).toEqual(expected.map((other) => other.node));
        }
      }),
      { seed, numRuns: 200 },
    );
  });

  test("begins with the nodes and edges of the forward plan", () => {
    fc.assert(
      fc.property(anyStep, (step) => {
        const plan = stepPlanOf(step);
        const forward = buildPlan({ ...step, attentionGrain: attentionGrainOf(step.fence, "affine") });
        const count = forward.nodeCount;
        for (const field of ["kind", "sentence", "level", "firstToken", "tokenCount"] as const)
          expect(plan[field].subarray(0, count)).toEqual(forward[field]);
        expect(plan.dependencies.subarray(0, forward.dependencies.length)).toEqual(forward.dependencies);
        expect(plan.dependencyStart.subarray(0, count + 1)).toEqual(forward.dependencyStart);
      }),
      { seed, numRuns: 100 },
    );
  });

  test("has a gradient for every slice and every attention, and weights for every share and segment", () => {
    fc.assert(
      fc.property(anyStep, (step) => {
        const counts = new Map<string, number>();
        for (const { task } of tasksOfPlan(stepPlanOf(step)))
          if (task.kind !== "weight-gradient")
            for (let token = task.firstToken; token < task.firstToken + task.tokenCount; token++)
              increment(counts, `${task.kind} ${levelOf(task)} ${task.sentence} ${token}`);
          else increment(counts, `${task.kind} ${task.segment} ${task.share}`);
        const tokens = step.lengths.reduce((sum, length) => sum + length, 0);
        const shares = new Set(step.shares).size;
        expect(counts.size).toBe(tokens * (4 * step.layers + 2) + shares * (step.layers + 1));
        expect(new Set(counts.values())).toEqual(new Set([1]));
      }),
      { seed, numRuns: 200 },
    );
  });

  test("numbers its nodes in topological order and mirrors its edges", () => {
    fc.assert(
      fc.property(anyStep, (step) => {
        const plan = stepPlanOf(step);
        const mirrored: string[] = [];
        for (let node = 0; node < plan.nodeCount; node++) {
          for (const dependency of edgesFrom(plan.dependencies, plan.dependencyStart, node))
            expect(dependency).toBeLessThan(node);
          for (const dependent of edgesFrom(plan.dependents, plan.dependentStart, node))
            mirrored.push(`${node}>${dependent}`);
        }
        expect(mirrored.toSorted()).toEqual(edgesOf(plan).toSorted());
      }),
      { seed, numRuns: 200 },
    );
  });

  test("finds the node of each of its tasks, and of no other task", () => {
    fc.assert(
      fc.property(anyStep, fc.integer({ min: 1, max: 20 }), (step, shift) => {
        const plan = stepPlanOf(step);
        for (const { node, task } of tasksOfPlan(plan)) {
          expect(nodeOf(plan, task)).toBe(node);
          for (const other of neighbours(task, shift, step))
            expect(nodeOf(plan, other), JSON.stringify(other)).toBeUndefined();
        }
      }),
      { seed, numRuns: 100 },
    );
  });

  test("has no gradients without shares", () => {
    const plan = buildPlan({
      lengths: [3],
      layers: 1,
      sliceTokens: 2,
      fence: "sentence",
      attentionGrain: "sentence",
    });
    const rows = { sentence: 0, firstToken: 0, tokenCount: 2 };
    expect(nodeOf(plan, { kind: "slice-gradient", segment: 0, ...rows })).toBeUndefined();
    expect(nodeOf(plan, { kind: "attention-gradient", layer: 0, ...rows, tokenCount: 3 })).toBeUndefined();
    expect(nodeOf(plan, { kind: "weight-gradient", share: 0, segment: 0 })).toBeUndefined();
  });

  test("of an empty batch has no nodes", () => {
    expect(buildTrainingPlan({ lengths: [], shareOf: [], layers: 2, sliceTokens: 4 }).nodeCount).toBe(0);
  });

  test("refuses shares that are missing, empty or no whole numbers", () => {
    const shape = { lengths: [3, 4], layers: 1, sliceTokens: 2 };
    for (const shareOf of [[0], [0, 2], [1, 1], [0, -1], [0, 0.5], [0, Number.NaN]])
      expect(() => buildTrainingPlan({ ...shape, shareOf })).toThrow(ArgumentError);
    expect(() => buildTrainingPlan({ ...shape, lengths: [3, 0], shareOf: [0, 0] })).toThrow(ArgumentError);
  });
});

/** Tasks that differ from one of the plan in one field, too far to be another of the plan. */
function neighbours(
  task: Task,
  shift: number,
  { layers, lengths, shares }: { layers: number; lengths: readonly number[]; shares: readonly number[] },
): Task[] {
  const beyond = layers + shift;
  if (task.kind === "weight-gradient")
    return [
      { ...task, share: new Set(shares).size + shift - 1 },
      { ...task, share: -shift },
      { ...task, segment: beyond },
      { ...task, segment: 0.5 },
    ];
  return [
    { ...task, tokenCount: task.tokenCount + shift },
    { ...task, firstToken: task.firstToken + 0.5 },
    { ...task, firstToken: -shift },
    { ...task, sentence: lengths.length + shift - 1 },
    "segment" in task ? { ...task, segment: beyond } : { ...task, layer: beyond - 1 },
  ];
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
