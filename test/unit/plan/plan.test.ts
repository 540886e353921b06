import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ArgumentError } from "../../../src/errors.js";
import { buildPlan, type Plan } from "../../../src/plan/plan.js";
import { nodeOf } from "../../../src/plan/task.js";
import { attentionGrainOf, type ForwardTask } from "../../../src/plan/vocabulary.js";
import { dependenciesOf, edgesFrom, edgesOf, tasksOfPlan } from "./edges.js";
import { arbitraryRun, planOf, seed, waitsFor } from "../schedule/arbitrary.js";

const anyRun = arbitraryRun(["affine", "spread", "free"]);

describe("a plan", () => {
  test("of one sentence, two slices and one layer has the nodes and edges one would draw", () => {
    const plan = buildPlan({
      lengths: [5],
      layers: 1,
      sliceTokens: 3,
      fence: "sentence",
      attentionGrain: "sentence",
    });
    expect([...plan.kind]).toEqual([0, 0, 2, 1, 0, 0]);
    expect([...plan.level]).toEqual([0, 0, 0, 0, 1, 1]);
    expect([...plan.firstToken]).toEqual([0, 3, 0, 0, 0, 3]);
    expect([...plan.tokenCount]).toEqual([3, 2, 5, 5, 3, 2]);
    expect(edgesOf(plan)).toEqual(["0>2", "1>2", "2>3", "3>4", "3>5"]);
    expect(plan.taskCount).toBe(5);
  });

  test("with a prefix fence chains its joins", () => {
    const plan = buildPlan({
      lengths: [5],
      layers: 1,
      sliceTokens: 2,
      fence: "prefix",
      attentionGrain: "slice",
    });
    expect(edgesOf(plan).join(" ")).toBe("0>3 3>4 1>4 4>5 2>5 3>6 4>7 5>8 6>9 7>10 8>11");
  });

  test("waits for exactly what the definition of its fence says", () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const plan = planOf(run);
        const tasks = tasksOf(plan);
        for (const { node, task } of tasks) {
          const expected = tasks.filter((other) => waitsFor(task, other.task, run.fence));
          expect(dependenciesOf(plan, node)).toEqual(expected.map((other) => other.node));
        }
      }),
      { seed, numRuns: 300 },
    );
  });

  test("covers every token of every sentence once per segment and once per layer", () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const covered = new Map<string, number>();
        const tasks = tasksOf(planOf(run));
        for (const { task } of tasks) {
          const level = task.kind === "slice" ? task.segment : task.layer;
          for (let token = task.firstToken; token < task.firstToken + task.tokenCount; token++) {
            const key = `${task.kind} ${level} ${task.sentence} ${token}`;
            covered.set(key, (covered.get(key) ?? 0) + 1);
          }
        }
        const tokens = run.lengths.reduce((sum, length) => sum + length, 0);
        expect(covered.size).toBe(tokens * (2 * run.layers + 1));
        expect(new Set(covered.values())).toEqual(new Set([1]));
      }),
      { seed, numRuns: 300 },
    );
  });

  test("numbers its nodes in topological order and mirrors its edges", () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const plan = planOf(run);
        const forward = edgesOf(plan);
        for (let node = 0; node < plan.nodeCount; node++)
          for (const dependency of edgesFrom(plan.dependencies, plan.dependencyStart, node))
            expect(dependency).toBeLessThan(node);
        const mirrored: string[] = [];
        for (let node = 0; node < plan.nodeCount; node++)
          for (const dependent of edgesFrom(plan.dependents, plan.dependentStart, node))
            mirrored.push(`${node}>${dependent}`);
        expect(mirrored.toSorted()).toEqual(forward.toSorted());
      }),
      { seed, numRuns: 300 },
    );
  });

  test("finds the node of each of its tasks, and of no other task", () => {
    fc.assert(
      fc.property(anyRun, fc.integer({ min: 1, max: 20 }), (run, shift) => {
        const plan = planOf(run);
        for (const { node, task } of tasksOf(plan)) {
          expect(nodeOf(plan, task)).toBe(node);
          expect(nodeOf(plan, { ...task, tokenCount: task.tokenCount + shift })).toBeUndefined();
          expect(nodeOf(plan, { ...task, firstToken: task.firstToken + 0.5 })).toBeUndefined();
          expect(nodeOf(plan, { ...task, firstToken: -shift })).toBeUndefined();
          expect(nodeOf(plan, { ...task, sentence: run.lengths.length + shift - 1 })).toBeUndefined();
          const level = run.layers + shift;
          const beyond: ForwardTask =
            task.kind === "slice" ? { ...task, segment: level } : { ...task, layer: level - 1 };
          expect(nodeOf(plan, beyond)).toBeUndefined();
        }
      }),
      { seed, numRuns: 200 },
    );
  });

  test("keeps its edges linear in the number of slices, however long the sentence", () => {
    for (const fence of ["sentence", "prefix"] as const) {
      const edges = [1000, 2000].map(
        (length) =>
          buildPlan({ lengths: [length], layers: 2, sliceTokens: 1, fence, attentionGrain: "slice" })
            .dependencies.length,
      );
      expect(edges[1]! / edges[0]!).toBeLessThan(2.01);
    }
  });

  test("of an empty batch has no nodes", () => {
    const shape = { layers: 3, sliceTokens: 4, fence: "sentence", attentionGrain: "sentence" } as const;
    expect(buildPlan({ ...shape, lengths: [] }).nodeCount).toBe(0);
  });

  test("refuses an empty sentence, a slice of no tokens and a fraction of a layer", () => {
    const shape = {
      lengths: [3],
      layers: 1,
      sliceTokens: 2,
      fence: "prefix",
      attentionGrain: "slice",
    } as const;
    for (const bad of [{ lengths: [3, 0] }, { lengths: [Number.NaN] }, { sliceTokens: 0 }, { layers: 1.5 }])
      expect(() => buildPlan({ ...shape, ...bad })).toThrow(ArgumentError);
  });

  test("covers whole sentences with attention only where no slice could start earlier or elsewhere", () => {
    expect(attentionGrainOf("sentence", "affine")).toBe("sentence");
    expect(attentionGrainOf("sentence", "spread")).toBe("slice");
    expect(attentionGrainOf("sentence", "free")).toBe("slice");
    expect(attentionGrainOf("prefix", "affine")).toBe("slice");
  });
});

function tasksOf(plan: Plan): { node: number; task: ForwardTask }[] {
  return tasksOfPlan(plan) as { node: number; task: ForwardTask }[];
}
