// The record of a step of generation, for pages that draw it and benchmarks that count.

/** Consecutive rows of one request in a step. */
export interface GenerationStepPart {
  /** The handle's `id`. */
  readonly request: number;
  readonly firstToken: number;
  readonly tokenCount: number;
  /** Whether the step chose a token after the last of these. */
  readonly samples: boolean;
}

/** One step of one queue: rows of many requests that went through the model together. Times are on performance.now(). */
export interface GenerationStep {
  readonly queue: number;
  readonly encodedMs: number;
  readonly submittedMs: number;
  readonly doneMs: number;
  readonly dispatches: number;
  readonly parts: readonly GenerationStepPart[];
  /** When the step was made: requests that waited for a place, and pages of the cache that no request held. */
  readonly waiting: number;
  readonly freePages: number;
}
