// A model's configuration in weft's words: sizes and choices, whichever family it is of and however its file says them.

/** The activation of an MLP, as Hugging Face's configurations name it. */
export type ActivationName = "gelu_new" | "gelu" | "gelu_pytorch_tanh" | "relu";

/** A model's shape and choices. JSON-serialisable. */
export interface ModelConfig {
  /** As config.json names it: "gpt2". */
  readonly modelType: string;
  /** V: entries of the vocabulary. */
  readonly vocabularySize: number;
  /** The longest sentence in tokens. */
  readonly contextLength: number;
  /** C: model width, of the residual stream. */
  readonly channels: number;
  readonly layers: number;
  /** H: attention heads. Queries are H·D wide, whatever C is. */
  readonly heads: number;
  /** Heads of keys and values; a divisor of `heads`, whose heads share them in groups. */
  readonly keyValueHeads: number;
  /** D: width of a head. */
  readonly headWidth: number;
  /** F: width inside the MLP. */
  readonly hidden: number;
  /** "gelu" is the exact one (erf); "gelu_new" and "gelu_pytorch_tanh" are the same tanh formula. */
  readonly activation: ActivationName;
  /** Added to the variance in every norm. */
  readonly normEpsilon: number;
  /** Types of tokens, as in pairs of texts: 0 where the model knows none. */
  readonly tokenTypes: number;
  /** Whether the output head is the token embedding. */
  readonly tiedHead: boolean;
  /** The tokens that end a text, as far as the vocabulary has them. */
  readonly endTokens: readonly number[];
  /** The token that begins a text; undefined where none of the vocabulary does. */
  readonly beginToken: number | undefined;
}
