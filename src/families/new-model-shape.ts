// The sizes that a new model is made from.
import type { ActivationName } from "./model-config.js";

export interface NewModelShape {
  /** V: entries of the vocabulary, those of the tokenizer. */
  readonly vocabularySize: number;
  readonly layers: number;
  /** Must divide `channels`. */
  readonly heads: number;
  /** C: model width. */
  readonly channels: number;
  /** The longest sentence in tokens. */
  readonly contextLength: number;
  /** F: width inside the MLP. Default: 4 C. */
  readonly hidden?: number;
  /** Default: "gelu_new". */
  readonly activation?: ActivationName;
  readonly beginToken?: number;
  readonly endToken?: number;
}
