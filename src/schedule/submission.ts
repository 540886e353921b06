// What the scheduler hands to an executor.
import type { Task } from "../plan/vocabulary.js";
import type { Move } from "./moves.js";

/**
 * Tasks of one kind and of one segment or layer, of whatever sentences, to be encoded as one dispatch per kernel. Weight
 * gradients of several shares of sentences are in the shares' order, to be encoded one after the other.
 */
export interface Stage {
  readonly kind: Task["kind"];
  /** The segment of slices and weights, or the layer of attention. */
  readonly level: number;
  readonly tasks: readonly Task[];
  /** The plan's node of each task. */
  readonly nodes: readonly number[];
}

/** One command buffer. Stages run in order; each may read what an earlier one wrote. */
export interface Submission {
  readonly id: number;
  readonly queue: number;
  /** Its place in its queue's window, 0…maxInFlight−1, until it is complete. */
  readonly encoder: number;
  readonly stages: readonly Stage[];
  /** Rows that must have arrived on other queues before this submission is reported complete. */
  readonly moves: readonly Move[];
  /** Of all tasks, by the scheduler's cost model. */
  readonly cost: number;
}

/** How much one submission takes on, in what the cost model counts. */
export interface SubmissionLimits {
  /** It costs no more than this, or is a single task. */
  readonly mostCost: number;
  /** With this it takes no further stage. */
  readonly enoughCost: number;
  /** What a stage costs beside its tasks. */
  readonly stageCost: number;
}

/** Tokens of one sentence that live on one queue. */
export interface OwnedTokens {
  readonly queue: number;
  readonly firstToken: number;
  readonly tokenCount: number;
}
