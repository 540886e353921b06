// The heart of validation: every task ran after everything that it depends on, in linear time.
// On its own queue "after" means a later stage, since a queue executes in order. From another queue it means that the
// host knew of the completion before it submitted.
import { NodeKind } from "../plan/plan.js";
import type { Positions } from "./validate-positions.js";

/**
 * Both times of a cross-queue fence are readings of the host's one clock, which never steps back, however coarse it is:
 * nothing needs to be forgiven.
 */
const hostClockToleranceMs = 0;

/** Tasks that ran too early, as sentences. Tasks that never ran are not reported again. */
export function checkFences(positions: Positions): string[] {
  const { plan, queues } = positions;
  const problems: string[] = [];
  // What has to be waited for at each node, per queue: the last stage, and the last completion. A join passes on the
  // latest of what it joins; a task passes on itself.
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
