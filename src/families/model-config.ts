// A model's configuration in weft's own words. It is the same for all families, whatever their files call the keys.

/** The activation of an MLP, as Hugging Face's configurations name it. */
export type ActivationName = "gelu_new" | "gelu" | "gelu_pytorch_tanh" | "relu" | "silu";

/** How positions turn the pairs of a head: pair i by position · frequencies[i]. JSON-serialisable. */
export interface Rotation {
  /** In radians per token. Twice as many numbers of a head are turned, from the first on. */
  readonly frequencies: readonly number[];
  /** What turned numbers are multiplied by. */
  readonly factor: number;
}

/** How one layer attends. JSON-serialisable. */
export interface LayerAttention {
  /** A token sees this many, itself included. Undefined: all before it. */
  readonly window?: number;
  /** The index of its rotation among the model's. Undefined: positions are not in its keys. */
  readonly rotation?: number;
}

/** What a model's classifier says. JSON-serialisable. */
export interface ClassifierConfig {
  /** Whether every token gets a label, or every text. */
  readonly of: "tokens" | "texts";
  /** The row of a text: that of its first token, or the mean of all. */
  readonly pooling: "cls" | "mean";
  /** The names of the labels, in the order of the logits. */
  readonly labels: readonly string[];
  /** Whether one label applies, or each by itself, or numbers are what is asked for. Absent: the file does not say. */
  readonly problem?: "single" | "multi" | "regression";
  /** What the file says to become of the logit of a pair's relevance. Absent: it does not say. */
  readonly relevance?: "sigmoid" | "identity";
}

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
  /** The row of the learned positions that the first token of a sentence has. Absent: 0. */
  readonly firstPosition?: number;
  /** A token that no position is counted for, so that it cannot be within a sentence. Absent: all may be. */
  readonly paddingToken?: number;
  /** The rotations of rotary positions. Absent if the model has none. */
  readonly rotations?: readonly Rotation[];
  /** How each layer attends. Absent: as all layers of the family do. */
  readonly attention?: readonly LayerAttention[];
  /** What scores are multiplied by. Absent: 1/√D. */
  readonly scoreScale?: number;
  /** Scores s become cap · tanh(s / cap). */
  readonly scoreCap?: number;
  /** What the token embedding is multiplied by. Absent: 1. */
  readonly embeddingScale?: number;
  /** What attention and MLP are multiplied by before they are added to the residual stream. Absent: 1. */
  readonly branchScale?: number;
  /** What logits are multiplied by. Absent: 1. */
  readonly logitScale?: number;
  /** Logits z become cap · tanh(z / cap). */
  readonly logitCap?: number;
  /** Whether queries, keys and values have biases, attention's output, and the MLP. Absent: as the family has them. */
  readonly biases?: { readonly attention: boolean; readonly projection: boolean; readonly mlp: boolean };
  /** Whether attention and MLP read the same rows, so that neither waits for the other. Absent: as the family has it. */
  readonly isParallel?: boolean;
  /** Its classifier, if it has one. */
  readonly classifier?: ClassifierConfig;
  /** Whether it predicts the tokens that were masked. Absent: it does not. */
  readonly predictsMasked?: true;
  /** Whether every token sees every other one where the family's see those before them. */
  readonly isBidirectional?: true;
  /** Whether the output head is the token embedding. */
  readonly tiedHead: boolean;
  /** The tokens that end a text. Ids beyond the vocabulary are left out. */
  readonly endTokens: readonly number[];
  /** The token that begins a text. Undefined if the vocabulary has none. */
  readonly beginToken: number | undefined;
}
