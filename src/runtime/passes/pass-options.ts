// The options of one forward pass.
import type { Sentence } from "../load/check-input.js";
import type { Fence, Placement } from "../../plan/vocabulary.js";
import type { OptionNames } from "../../util/option-names.js";

/** The options of one call. What is left out is as it was loaded. */
export interface RunOptions {
  /**
   * k: tokens per slice, from 1 to the context length. "auto" takes as many as keep tasks short enough for other calls to take
   * turns. Results do not depend on it. Default: as loaded.
   */
  readonly sliceTokens?: number | "auto";
  /** What attention waits for: all slices of the sentence, or only those up to the query's own. Default: "sentence". */
  readonly fence?: Fence;
  /** "affine": a sentence stays on one queue. "spread": its slices are on all. "auto": what should be faster. Default: "auto". */
  readonly placement?: Placement | "auto";
  /** How many of the loaded queues to use. "auto": as many as should be fastest. Default: all, or "auto" if loaded so. */
  readonly queues?: number | "auto";
  /** As in LoadOptions, for this call. */
  readonly gpuBudgetMs?: number;
  /** Also record what ran when. Each stage of tasks is then a pass of its own. */
  readonly trace?: boolean;
  readonly signal?: AbortSignal;
}

/** The output of a forward pass, and how it runs. */
export interface ForwardOptions extends RunOptions {
  /** "last": logits after the last token of each sentence. "all": after every token. "hidden": final hidden rows. */
  readonly output?: "last" | "all" | "hidden";
  /** For models with types of tokens, such as the two texts of a pair: that of every token of every sentence. Default: 0. */
  readonly tokenTypes?: readonly Sentence[];
}

export const runOptionNames: OptionNames<RunOptions> = {
  sliceTokens: true,
  fence: true,
  placement: true,
  queues: true,
  gpuBudgetMs: true,
  trace: true,
  signal: true,
};

export const forwardOptionNames: OptionNames<ForwardOptions> = {
  ...runOptionNames,
  output: true,
  tokenTypes: true,
};
