// Counters of generation: a type only.

/** Counters of a model's generation, over all queues, since it was loaded. */
export interface ModelStats {
  /** Requests being computed now, and requests that wait. */
  readonly running: number;
  readonly waiting: number;
  readonly steps: number;
  readonly generatedTokens: number;
  /** Rows that went through the model: prompt tokens that were not shared, and generated ones. */
  readonly computedRows: number;
  /** Rows that were not computed, as another request with the same beginning had. */
  readonly sharedRows: number;
  /** How often a request was put back for want of cache. */
  readonly preemptions: number;
  readonly dispatches: number;
  /** Pages of the key-value cache: all, and those that no request holds. */
  readonly cachePages: number;
  readonly freePages: number;
}
