// Which rows of keys and values travel between queues: those of a slice go to every other queue whose attention reads them.
import { NodeKind, type Plan } from "../plan/plan.js";

/** K and V rows firstToken…firstToken+tokenCount−1 of one sentence at one layer, needed on `toQueue`. */
export interface Move {
  readonly sentence: number;
  readonly layer: number;
  readonly firstToken: number;
  readonly tokenCount: number;
  readonly toQueue: number;
}

/** Each queue is a bit of a 32-bit integer. No machine has more devices. */
export const maxQueues = 31;

/** For each node, as bits: the other queues with attention that depends on it, directly or through joins. */
export function travelMasks(plan: Plan, queueOfNode: Int32Array): Int32Array {
  const needs = new Int32Array(plan.nodeCount);
  for (let node = plan.nodeCount - 1; node >= 0; node--) {
    let mask = 0;
    for (let edge = plan.dependentStart[node]!; edge < plan.dependentStart[node + 1]!; edge++) {
      const dependent = plan.dependents[edge]!;
      if (plan.kind[dependent] === NodeKind.join) mask |= needs[dependent]!;
      else if (plan.kind[dependent] === NodeKind.attention) mask |= queueBit(queueOfNode[dependent]!);
    }
    needs[node] = mask & ~queueBit(queueOfNode[node]!);
  }
  return needs;
}

/** The moves after `nodes` have run, with neighbouring slices merged. `nodes` may be in any order. */
export function collectMoves(plan: Plan, nodes: readonly number[], masks: Int32Array): Move[] {
  const travelling = nodes.filter((node) => masks[node] !== 0 && plan.kind[node] === NodeKind.slice);
  // Neighbouring slices have neighbouring node numbers.
  travelling.sort((a, b) => a - b);
  const moves: { -readonly [Field in keyof Move]: Move[Field] }[] = [];
  const lastMoveTo = new Map<number, (typeof moves)[number]>();
  for (const node of travelling)
    for (let toQueue = 0, mask = masks[node]!; mask !== 0; toQueue++, mask >>>= 1) {
      if ((mask & 1) === 0) continue;
      const sentence = plan.sentence[node]!;
      const layer = plan.level[node]!;
      const firstToken = plan.firstToken[node]!;
      const tokenCount = plan.tokenCount[node]!;
      const last = lastMoveTo.get(toQueue);
      const continues =
        last?.sentence === sentence &&
        last.layer === layer &&
        last.firstToken + last.tokenCount === firstToken;
      if (continues) last.tokenCount += tokenCount;
      else {
        const move = { sentence, layer, firstToken, tokenCount, toQueue };
        moves.push(move);
        lastMoveTo.set(toQueue, move);
      }
    }
  return moves;
}

function queueBit(queue: number): number {
  return queue < 0 ? 0 : 1 << queue;
}
