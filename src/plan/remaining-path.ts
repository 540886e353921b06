// The longest chain of work from each node to the end: the priority of list scheduling, and the critical path.
import type { Plan } from "./plan.js";

/** For each node: its own cost plus that of the costliest chain of dependents behind it. */
export function remainingPaths(plan: Plan, costs: Float64Array): Float64Array {
  const remaining = new Float64Array(plan.nodeCount);
  for (let node = plan.nodeCount - 1; node >= 0; node--) {
    let longest = 0;
    for (let edge = plan.dependentStart[node]!; edge < plan.dependentStart[node + 1]!; edge++)
      longest = Math.max(longest, remaining[plan.dependents[edge]!]!);
    remaining[node] = costs[node]! + longest;
  }
  return remaining;
}
