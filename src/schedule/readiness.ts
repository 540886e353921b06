// Counts, per queue, the dependencies that each node still waits for there, and says which tasks wait for none.
import { NodeKind, type Plan } from "../plan/plan.js";

/** A dependency may be fulfilled on one queue (submitted there before) and not yet on another, so each has its counters. */
export class Readiness {
  readonly #plan: Plan;
  readonly #missing: readonly Int32Array[];

  constructor(plan: Plan, queues: number) {
    this.#plan = plan;
    const counts = new Int32Array(plan.nodeCount);
    for (let node = 0; node < plan.nodeCount; node++)
      counts[node] = plan.dependencyStart[node + 1]! - plan.dependencyStart[node]!;
    this.#missing = Array.from({ length: queues }, () => counts.slice());
  }

  /** Fulfils these nodes on `queue`. Returns the tasks that became ready there. */
  count(nodes: readonly number[], queue: number): number[] {
    const { kind, dependents, dependentStart } = this.#plan;
    const missing = this.#missing[queue]!;
    const ready: number[] = [];
    // A list, not recursion: the joins of a prefix fence form a chain as long as the sentence.
    const counting = nodes.slice();
    for (let at = 0; at < counting.length; at++) {
      const node = counting[at]!;
      for (let edge = dependentStart[node]!; edge < dependentStart[node + 1]!; edge++) {
        const dependent = dependents[edge]!;
        if (--missing[dependent]! > 0) continue;
        (kind[dependent] === NodeKind.join ? counting : ready).push(dependent);
      }
    }
    return ready;
  }
}
