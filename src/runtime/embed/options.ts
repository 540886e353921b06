// The options and the result of embedding texts.
import type { PoolingName } from "../../kernels/pooling/pooling.js";
import type { OptionNames } from "../../util/option-names.js";

/** What becomes of texts. Defaults are what the model's files say. */
export interface EmbedOptions {
  /** The name of a prompt of the model that is put before every text, such as "query". Default: the files' default, or none. */
  readonly prompt?: string;
  /** A text that is put before every text, instead. */
  readonly promptText?: string;
  /** How the rows of a text become one: one way, or several that are joined. */
  readonly pooling?: PoolingName | readonly PoolingName[];
  /** Whether vectors have length 1. */
  readonly normalize?: boolean;
  /** Cuts vectors to their first numbers, before they are normalised: for models that were trained for it. */
  readonly dimensions?: number;
  /** What happens to texts of too many tokens: "cut", with a note in `truncated`, or "refuse". Default: "cut". */
  readonly tooLong?: "cut" | "refuse";
  /** Called as texts are done. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

export const embedOptionNames: OptionNames<EmbedOptions> = {
  prompt: true,
  promptText: true,
  pooling: true,
  normalize: true,
  dimensions: true,
  tooLong: true,
  onProgress: true,
  signal: true,
};

/** The vectors of texts. */
export interface Embeddings {
  /** One for each text, in their order. Texts that are the same share theirs. */
  readonly vectors: readonly Float32Array<ArrayBuffer>[];
  readonly dimensions: number;
  /** Tokens of all texts together, special ones included; of equal texts each. */
  readonly tokens: number;
  /** The indices of texts that were cut. */
  readonly truncated: readonly number[];
}
