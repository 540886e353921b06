// What the scheduler hands to an executor: types only.
import type { Task } from "../plan/vocabulary.js";
import type { Move } from "./moves.js";

/**
 * Tasks of one kind and one segment or layer, of any sentences, which are encoded as one dispatch per kernel. Weight gradients
 * of several shares are encoded one after the other, in the order of the shares.
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
  /** Rows that have to arrive on other queues before this submission is reported complete. */
  readonly moves: readonly Move[];
  /** The cost of all its tasks by the scheduler's cost model. */
  readonly cost: number;
}

/** How large a submission may be, in units of the cost model. */
export interface SubmissionLimits {
  /** It costs at most this, unless it is a single task. */
  readonly mostCost: number;
  /** Once it costs this much, no further stage is added. */
  readonly enoughCost: number;
  /** The fixed cost of a stage. */
  readonly stageCost: number;
}

/** Tokens of one sentence that live on one queue. */
export interface OwnedTokens {
  readonly queue: number;
  readonly firstToken: number;
  readonly tokenCount: number;
}
