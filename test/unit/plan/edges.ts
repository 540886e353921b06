// The nodes and edges of a plan in forms that are easy to compare.
import { NodeKind, type Plan } from "../../../src/plan/plan.js";
import { taskOf } from "../../../src/plan/task.js";
import type { Task } from "../../../src/plan/vocabulary.js";

/** All but the joins. */
export function tasksOfPlan(plan: Plan): { node: number; task: Task }[] {
  const tasks: { node: number; task: Task }[] = [];
  for (let node = 0; node < plan.nodeCount; node++)
    if (plan.kind[node] !== NodeKind.join) tasks.push({ node, task: taskOf(plan, node) });
  return tasks;
}

/** The tasks that a node waits for, joins resolved, in node order. */
export function dependenciesOf(plan: Plan, node: number): number[] {
  const found = new Set<number>();
  const open = [node];
  for (let next = open.pop(); next !== undefined; next = open.pop())
    for (const dependency of edgesFrom(plan.dependencies, plan.dependencyStart, next))
      if (plan.kind[dependency] === NodeKind.join) open.push(dependency);
      else found.add(dependency);
  return [...found].toSorted((a, b) => a - b);
}

export function edgesOf(plan: Plan): string[] {
  const edges: string[] = [];
  for (let node = 0; node < plan.nodeCount; node++)
    for (const dependency of edgesFrom(plan.dependencies, plan.dependencyStart, node))
      edges.push(`${dependency}>${node}`);
  return edges;
}

export function edgesFrom(values: Int32Array, start: Int32Array, node: number): number[] {
  return [...values.subarray(start[node], start[node + 1])];
}
