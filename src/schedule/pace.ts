// How fast a queue works off what the cost model counts: learned from submissions, to bound how long the next one takes.

/** Before anything was seen: a millisecond per million multiply-adds, as on a slow adapter. */
const FIRST_MS_PER_COST = 1;

/** The weight of what was learned before. */
const MEMORY = 0.8;

export class Pace {
  #msPerCost = FIRST_MS_PER_COST;

  /** Learns that work of `cost` took `elapsedMs`. */
  observe(cost: number, elapsedMs: number): void {
    if (cost > 0 && elapsedMs > 0)
      this.#msPerCost = MEMORY * this.#msPerCost + (1 - MEMORY) * (elapsedMs / cost);
  }

  /** What is expected to take `budgetMs`. */
  costWithin(budgetMs: number): number {
    return budgetMs / this.#msPerCost;
  }
}
