// What a model computes, as data: steps in the order of computation, one line per dispatch. Segments are cut at attention.
// Knows neither a GPU nor how a step is computed: that is in layers/.

/**
 * Rows of numbers that steps read and write, one row per token. "residual" is the stream that the layers add to; "keyValue"
 * holds the keys and values that attention reads: in generation the cache, whoever writes them. A recipe may name others.
 */
export type Place = "residual" | "normalised" | "query" | "keyValue" | "attention" | "hidden" | (string & {});

/** A logical width. "query" is H·D, "keyValue" twice the heads of keys times D, first all keys, then all values. */
export type AxisName =
  "channels" | "query" | "keyValue" | "headWidth" | "hidden" | "vocabulary" | "positions" | "tokenTypes";

/** What a weight is for, in weft's words: "query", "norm1". The same in all families; layers have the same ones each. */
export type Role = string;

/** residual = sum of the rows that a token's id, its position and its type look up. */
export interface LookUpStep {
  readonly kind: "lookUp";
  readonly tokens: Role;
  /** Where positions are learned: a row per position. */
  readonly positions?: Role;
  /** Where there are types of tokens, as in pairs of texts: a row per type. */
  readonly tokenTypes?: Role;
  readonly to: Place;
}

/** Row by row: to = (from − mean) / √(variance + ε) · gain + bias ("layer"), or from / √(mean square + ε) · gain ("rms"). */
export interface NormStep {
  readonly kind: "norm";
  readonly role: Role;
  readonly method: "layer" | "rms";
  readonly from: Place;
  readonly to: Place;
  readonly bias: Bias;
  /** Where each head is normed by itself, its width; else the row is. */
  readonly over?: AxisName;
  /** Add to what `to` holds. */
  readonly adds: boolean;
}

/** to = activation(from · W + bias), or to += … . */
export interface LinearStep {
  readonly kind: "linear";
  readonly role: Role;
  readonly from: Place;
  readonly to: Place;
  readonly bias: Bias;
  /** Apply the model's activation. */
  readonly activates: boolean;
  /** Add to what `to` holds: the residual connection. */
  readonly adds: boolean;
}

/** Whether a layer has a bias: always, never (zeros stand for it), or where the file has one. */
export type Bias = "always" | "never" | "optional";

export type Step = LookUpStep | NormStep | LinearStep;

/** attention = softmax(scale · query · keysᵀ) · values over the tokens of a sentence that a row sees. */
export interface AttentionStep {
  /** A row sees keys up to its own position; otherwise all keys of its sentence. */
  readonly causal: boolean;
  readonly scale: number;
  /** A row sees only so many keys, its own the last (causal) or in the middle. */
  readonly window?: number;
  /** Scores s become cap · tanh(s / cap). */
  readonly cap?: number;
}

/** The block of one layer. */
export interface LayerRecipe {
  /** Ends with "query" and "keyValue" written. */
  readonly beforeAttention: readonly Step[];
  readonly attention: AttentionStep;
  readonly afterAttention: readonly Step[];
}

/** Logits = rows · Wᵀ + bias, where W are the rows of the embedding if the head is tied. */
export interface HeadRecipe {
  readonly tied: boolean;
  readonly bias: Bias;
}

/** A model from token ids to its last rows, and to logits where it has a head. */
export interface Recipe {
  readonly embed: readonly Step[];
  readonly layers: readonly LayerRecipe[];
  readonly finish: readonly Step[];
  /** Where the last rows are when all is computed. */
  readonly output: Place;
  readonly head?: HeadRecipe;
  /** Widths of places that are not among the usual ones. */
  readonly places?: Readonly<Record<string, AxisName>>;
}

/** The widths of the usual places. */
export const usualPlaces: Readonly<Record<string, AxisName>> = {
  residual: "channels",
  normalised: "channels",
  query: "query",
  keyValue: "keyValue",
  attention: "query",
  hidden: "hidden",
};

/** Looks up the token embedding, and whatever else is added to it, into the residual stream. */
export function lookUp(roles: { readonly positions?: Role; readonly tokenTypes?: Role } = {}): LookUpStep {
  return { kind: "lookUp", tokens: "tokens", ...roles, to: "residual" };
}

/** A norm, by default of the residual stream. */
export function norm(role: Role, more: Partial<Omit<NormStep, "kind" | "role">> = {}): NormStep {
  return {
    kind: "norm",
    role,
    method: "layer",
    from: "residual",
    to: "normalised",
    bias: "always",
    adds: false,
    ...more,
  };
}

/** A linear layer from one place to another. */
export function linear(
  role: Role,
  more: Partial<Omit<LinearStep, "kind" | "role">> & Pick<LinearStep, "from" | "to">,
): LinearStep {
  return { kind: "linear", role, bias: "always", activates: false, adds: false, ...more };
}

/** The width of a place. */
export function widthOf(place: Place, { places }: Pick<Recipe, "places">): AxisName {
  const axis = places?.[place] ?? usualPlaces[place];
  if (axis === undefined) throw new Error(`A recipe writes "${place}" without saying how wide it is.`);
  return axis;
}
