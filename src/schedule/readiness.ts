// Counts, for each queue, the dependencies that each node still misses there, and says which tasks miss none.
import { NodeKind, type Plan } from "../plan/plan.js";

/** A dependency may count on one queue (submitted there before) and not yet on another: one counter for each. */
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

  /** Node counts on `queue` from now on; `onReady` gets each task that misses nothing there any more. */
  count(node: number, queue: number, onReady: (task: number) => void): void {
    const { kind, dependents, dependentStart } = this.#plan;
    const missing = this.#missing[queue]!;
    // A stack and no recursion: the joins of a prefix fence are a chain as long as the sentence.
    const counting = [node];
    for (let next = counting.pop(); next !== undefined; next = counting.pop())
      for (let edge = dependentStart[next]!; edge < dependentStart[next + 1]!; edge++) {
        const dependent = dependents[edge]!;
        if (--missing[dependent]! > 0) continue;
        if (kind[dependent] === NodeKind.join) counting.push(dependent);
        else onReady(dependent);
      }
  }
}
