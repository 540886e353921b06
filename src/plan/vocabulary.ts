// The words of plans, schedules and traces as types. ARCHITECTURE.md explains them. Pure: no GPU, no clock.

/** What opens the attention of a sentence: all of its slices, or (causal only) slices 0…i for the rows of slice i. */
export type Fence = "sentence" | "prefix";

export const fences: readonly Fence[] = ["sentence", "prefix"];

/** Where sentences live: each on one queue, or the slices of each over several queues. */
export type Placement = "affine" | "spread";

export const placements: readonly Placement[] = ["affine", "spread"];

/** Where tasks may run: as placed, or (for studying schedules) on whichever queue asks first. */
export type SchedulerPlacement = Placement | "free";

/** What one attention task covers: all rows of a sentence, or the rows of one slice. */
export type AttentionGrain = "sentence" | "slice";

/**
 * How many times as much two queues do together as one does alone, for small work, which does not fill the adapter, and for
 * large work. 1 means that they only take turns.
 */
export interface QueueGain {
  readonly small: number;
  readonly large: number;
}

/** `tokenCount` consecutive tokens of one sentence through segment `segment` (0…layers). */
export interface SliceTask {
  readonly kind: "slice";
  readonly sentence: number;
  readonly segment: number;
  readonly firstToken: number;
  readonly tokenCount: number;
}

/** Attention at layer `layer` (0…layers−1) for query rows firstToken…firstToken+tokenCount−1 of one sentence. */
export interface AttentionTask {
  readonly kind: "attention";
  readonly sentence: number;
  readonly layer: number;
  readonly firstToken: number;
  readonly tokenCount: number;
}

/** The gradient of a slice's input in segment `segment`, from that of its output; in the last segment, of its loss. */
export interface SliceGradientTask {
  readonly kind: "slice-gradient";
  readonly sentence: number;
  readonly segment: number;
  readonly firstToken: number;
  readonly tokenCount: number;
}

/** The gradients of the queries, keys and values of one whole sentence at layer `layer`. */
export interface AttentionGradientTask {
  readonly kind: "attention-gradient";
  readonly sentence: number;
  readonly layer: number;
  readonly firstToken: number;
  readonly tokenCount: number;
}

/** The gradient of all weights of segment `segment`, summed over all tokens of one share of sentences. */
export interface WeightGradientTask {
  readonly kind: "weight-gradient";
  readonly share: number;
  readonly segment: number;
}

/** Tasks of a forward run. */
export type ForwardTask = SliceTask | AttentionTask;

/** Tasks that work on rows of one sentence. */
export type SentenceTask = ForwardTask | SliceGradientTask | AttentionGradientTask;

/** A node of the graph: what the scheduler hands to a queue. `kind` tells which it is. */
export type Task = SentenceTask | WeightGradientTask;

/** Whole sentences, unless rows may start at different times (prefix fence) or lie on different queues. */
export function attentionGrainOf(fence: Fence, placement: SchedulerPlacement): AttentionGrain {
  return fence === "sentence" && placement === "affine" ? "sentence" : "slice";
}
