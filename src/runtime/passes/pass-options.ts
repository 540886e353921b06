// What callers may choose for one forward pass: types only.
import type { Fence, Placement } from "../../plan/vocabulary.js";

/** What may be chosen for one call; the rest is as it was loaded. */
export interface RunOptions {
  /**
   * k: tokens per slice, from 1 to the context length, or "auto": as many as keep a task short enough for others to take
   * turns. Changes no bit. Default: as loaded.
   */
  readonly sliceTokens?: number | "auto";
  /** What opens a sentence's attention: all its slices, or only those up to the query's own. Default: "sentence". */
  readonly fence?: Fence;
  /** Each sentence on one queue, or the slices of each over all queues, or what is expected to be faster. Default: "auto". */
  readonly placement?: Placement | "auto";
  /** How many of the loaded queues to use, or as many as are expected to be fastest. Default: all, or "auto" where loaded so. */
  readonly queues?: number | "auto";
  /** As in `Model.load`, for this call. */
  readonly gpuBudgetMs?: number;
  /** Also record what ran when. Each stage of tasks is then a pass of its own. */
  readonly trace?: boolean;
  readonly signal?: AbortSignal;
}

/** What a forward pass gives, and how it runs. */
export interface ForwardOptions extends RunOptions {
  /** "last": logits after the last token of each sentence. "all": after every token. "hidden": final hidden rows. */
  readonly output?: "last" | "all" | "hidden";
}
