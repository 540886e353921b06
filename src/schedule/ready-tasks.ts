// Tasks that may start: one heap per rank (ranks.ts), with the most urgent task on top. The most urgent task has the greatest
// priority and, among equals, the smallest node number, so that runs repeat exactly.

export class ReadyTasks {
  readonly #heaps: number[][];
  readonly #priorities: Float64Array;

  constructor(ranks: number, priorities: Float64Array) {
    this.#heaps = Array.from({ length: ranks }, () => []);
    this.#priorities = priorities;
  }

  /** The first rank from `from` on that has a task, or −1. */
  lowestRank(from = 0): number {
    for (let rank = from; rank < this.#heaps.length; rank++) if (this.#heaps[rank]!.length > 0) return rank;
    return -1;
  }

  /** How many ranks from `from` on have a task. */
  countRanks(from: number): number {
    let count = 0;
    for (let rank = from; rank < this.#heaps.length; rank++) if (this.#heaps[rank]!.length > 0) count++;
    return count;
  }

  /** The rank of the most urgent task of all, or −1. */
  mostUrgentRank(): number {
    let best = -1;
    for (const [rank, heap] of this.#heaps.entries())
      if (heap.length > 0 && (best < 0 || this.#isBefore(heap[0]!, this.#heaps[best]![0]!))) best = rank;
    return best;
  }

  add(rank: number, node: number): void {
    const heap = this.#heaps[rank]!;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(node, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = node;
  }

  /**
   * Removes and returns up to `count` tasks of a rank, the most urgent first, whose `costs` (per node) add up to at most
   * `maxCost`. With `mustTake`, at least one.
   */
  take(rank: number, count: number, maxCost: number, costs: Float64Array, mustTake: boolean): number[] {
    const heap = this.#heaps[rank]!;
    if (heap.length <= count && maxCost === Infinity) {
      this.#heaps[rank] = [];
      return heap.toSorted((a, b) => (this.#isBefore(a, b) ? -1 : 1));
    }
    const taken: number[] = [];
    let cost = 0;
    while (taken.length < count && heap.length > 0) {
      cost += costs[heap[0]!]!;
      if (cost > maxCost && !(mustTake && taken.length === 0)) break;
      taken.push(this.#removeTop(heap));
    }
    return taken;
  }

  #removeTop(heap: number[]): number {
    const top = heap[0]!;
    const moved = heap.pop()!;
    const size = heap.length;
    if (size === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#isBefore(heap[child]!, moved)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = moved;
    return top;
  }

  #isBefore(a: number, b: number): boolean {
    const difference = this.#priorities[a]! - this.#priorities[b]!;
    return difference > 0 || (difference === 0 && a < b);
  }
}
