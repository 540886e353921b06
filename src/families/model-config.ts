// A model's configuration in weft's own words. It is the same for all families, whatever their files call the keys.

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
  /** Heads of keys and values. A divisor of `heads`: each is shared by a group of query heads. */
  readonly keyValueHeads: number;
  /** D: width of a head. */
  readonly headWidth: number;
  /** F: width inside the MLP. */
  readonly hidden: number;
  /** "gelu" is the exact one (erf); "gelu_new" and "gelu_pytorch_tanh" are the same tanh formula. */
  readonly activation: ActivationName;
  /** Added to the variance in every norm. */
  readonly normEpsilon: number;
  /** The number of token types, which tell apart the texts of a pair. 0 if the model has none. */
  readonly tokenTypes: number;
  /** Whether the output head is the token embedding. */
  readonly tiedHead: boolean;
  /** The tokens that end a text. Ids beyond the vocabulary are left out. */
  readonly endTokens: readonly number[];
  /** The token that begins a text. Undefined if the vocabulary has none. */
  readonly beginToken: number | undefined;
}
