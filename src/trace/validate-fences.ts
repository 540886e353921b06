// The heart of validation: checks, in linear time, that every task ran after everything it depends on. On the same queue
// "after" means in a later stage, because a queue executes in order. Across queues it means that the host knew of the
// completion before it submitted the task.
import { NodeKind } from "../plan/plan.js";
import type { Positions } from "./validate-positions.js";

/**
 * Both times of a fence across queues are readings of the host's clock, which never goes back, however coarse it is. So no
 * tolerance is needed.
 */
const hostClockToleranceMs = 0;

/** Describes the tasks that ran too early. Tasks that never ran are not reported again. */
export function checkFences(positions: Positions): string[] {
  const { plan, queues } = positions;
  const problems: string[] = [];
  // For each node and queue, what it has to wait for there: the last stage, and the last completion. A join passes on the
  // latest of what it joins; a task passes on its own.
  const lastStage = new Int32Array(plan.nodeCount * queues).fill(-1);
  const lastDoneMs = new Float64Array(plan.nodeCount * queues).fill(-Infinity);
  for (let node = 0; node < plan.nodeCount; node++) {
    for (let edge = plan.dependencyStart[node]!; edge < plan.dependencyStart[node + 1]!; edge++) {
      const dependency = plan.dependencies[edge]!;
      for (let queue = 0; queue < queues; queue++) {
        const to = node * queues + queue;
        const from = dependency * queues + queue;
        lastStage[to] = Math.max(lastStage[to]!, lastStage[from]!);
        lastDoneMs[to] = Math.max(lastDoneMs[to]!, lastDoneMs[from]!);
      }
    }
    if (plan.kind[node] === NodeKind.join) continue;
    const own = positions.queue[node]!;
    for (let queue = 0; queue < queues; queue++) {
      const at = node * queues + queue;
      if (queue === own && lastStage[at]! >= positions.stage[node]!)
        problems.push(`${positions.describe(node)} ran before what it waits for on its queue ${own}.`);
      if (
        own !== -1 &&
        queue !== own &&
        lastDoneMs[at]! > positions.submittedMs[node]! + hostClockToleranceMs
      )
        problems.push(`${positions.describe(node)} was submitted before queue ${queue} had delivered.`);
      lastStage[at] = queue === own ? positions.stage[node]! : -1;
      lastDoneMs[at] = queue === own ? positions.doneMs[node]! : -Infinity;
    }
  }
  return problems;
}
