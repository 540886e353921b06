// Counters of generation: a type only.

/** Counters of a model's generation, over all queues, since it was loaded. */
export interface ModelStats {
  /** The numbers of requests that are being computed, and of those that wait. */
  readonly running: number;
  readonly waiting: number;
  readonly steps: number;
  readonly generatedTokens: number;
  /** Rows that went through the model: prompt tokens that were not shared, and generated ones. */
  readonly computedRows: number;
  /** Rows that were not computed, because another request had the same beginning. */
  readonly sharedRows: number;
  /** How often a request was put back because the cache was full. */
  readonly preemptions: number;
  readonly dispatches: number;
  /** Pages of the key-value cache: all, and those that no request holds. */
  readonly cachePages: number;
  readonly freePages: number;
  /** The same of the pages that layers keep which see a window, fewer for long texts; 0 if there are no such layers. */
  readonly windowPages: number;
  readonly freeWindowPages: number;
}
