// The options of embedding texts.
import type { PoolingName } from "../../kernels/pooling/pooling.js";
import type { OptionNames } from "../../util/option-names.js";
import type { TextOptions } from "./calls.js";

/** What becomes of texts. Defaults are what the model's files say. */
export interface EmbedOptions extends TextOptions {
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
}

export const textOptionNames: OptionNames<TextOptions> = { tooLong: true, onProgress: true, signal: true };

export const embedOptionNames: OptionNames<EmbedOptions> = {
  prompt: true,
  promptText: true,
  pooling: true,
  normalize: true,
  dimensions: true,
  ...textOptionNames,
};
