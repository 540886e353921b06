// Describes what a model computes as a list of steps, in the order of computation. Attention separates the segments. Knows no GPU;
// layers/ knows how a step is computed, and model/fuse.ts which of them share a dispatch.
import type { ActivationName, Rotation } from "./model-config.js";

/**
 * Named rows that steps read and write, one row per token. "residual" is the stream that the layers add to. "keyValue" holds
 * the keys and values that attention reads; in generation it is the cache. A recipe may name other places.
 */
export type Place =
  "residual" | "normalised" | "queryKeyValue" | "query" | "keyValue" | "attention" | "hidden" | (string & {});

/**
 * The name of a width. "query" is H·D, "key" is D times the heads of keys. "keyValue" is twice that: first all keys, then all
 * values. "queryKeyValue" is all of them: queries, keys, values. "gateUp" is 2·F: pairs of a gate and
 * what it multiplies. Files have all gates, then all of the others.
 */
export type AxisName =
  | "channels"
  | "query"
  | "key"
  | "keyValue"
  | "queryKeyValue"
  | "headWidth"
  | "hidden"
  | "gateUp"
  | "vocabulary"
  | "positions"
  | "tokenTypes"
  | "labels";

/** What a weight is for, such as "queryKeyValue" or "norm1". Families share these words, and every layer has the same roles. */
export type Role = string;

/** to = scale · the row that a token's id looks up, plus those that its position and its type look up. */
export interface LookUpStep {
  readonly kind: "lookUp";
  readonly tokens: Role;
  /** The table of learned positions, if there is one: a row per position. */
  readonly positions?: Role;
  /** The row of that table that the first token of a sentence has. Default: 0. */
  readonly firstPosition?: number;
  /** The table of token types, if there is one: a row per type. */
  readonly tokenTypes?: Role;
  /** What the row of the id is multiplied by. */
  readonly scale: number;
  readonly to: Place;
}

/** Row by row: to = (from − mean) / √(variance + ε) · gain + bias ("layer"), or from / √(mean square + ε) · gain + bias ("rms"). */
export interface NormStep {
  readonly kind: "norm";
  readonly role: Role;
  readonly method: "layer" | "rms";
  readonly from: Place;
  readonly to: Place;
  readonly bias: Bias;
  /**
   * What is normalised by itself: the width of a head, or the queries of a row of queries, keys and values. As many of them are
   * normalised as the rows of `to` hold. Default: the whole row.
   */
  readonly over?: AxisName;
  /** What stands in front of it in the rows of `from`. Default: nothing. */
  readonly behind?: AxisName;
  /** What is added to the gains that files hold: 1 if they hold the gain minus 1. */
  readonly gainOffset: 0 | 1;
  /** Add the result to what `to` holds. */
  readonly adds: boolean;
}

/** to = activation(from · W + bias), or with `adds`, to += the same. */
export interface LinearStep {
  readonly kind: "linear";
  readonly role: Role;
  readonly from: Place;
  readonly to: Place;
  readonly bias: Bias;
  /** Apply the model's activation. */
  readonly activates: boolean;
  /** Add the result to what `to` holds, as a residual connection does. */
  readonly adds: boolean;
}

/** to = activation(gate) · up, where the rows of `from` hold pairs of a gate and its up. The activation is the model's. */
export interface GateStep {
  readonly kind: "gate";
  readonly name: string;
  readonly from: Place;
  readonly to: Place;
}

/** to = factor · from, or with `adds`, to += the same. */
export interface ScaleStep {
  readonly kind: "scale";
  readonly name: string;
  readonly factor: number;
  readonly from: Place;
  readonly to: Place;
  readonly adds: boolean;
}

/**
 * Takes queries, keys and values apart: query = the rows of `queries`, and keyValue = those of `keys` and `values`. Puts rotary
 * positions (arxiv.org/abs/2104.09864) into the first two: each pair of numbers (x₂ᵢ, x₂ᵢ₊₁) of a head is rotated by position ·
 * frequencies[i], and multiplied by `factor`. Numbers beyond the last frequency, and values, stay as they are.
 */
export interface RotaryStep {
  readonly kind: "rotary";
  /** Undefined: all numbers stay as they are. */
  readonly rotation: Rotation | undefined;
  /** As wide as "query", or as "queryKeyValue" if it is the place of the values; so is the next one, as wide as "key". */
  readonly queries: Place;
  readonly keys: Place;
  /** As wide as "queryKeyValue". */
  readonly values: Place;
}

/** Whether a layer has a bias. "never": zeros are used. "optional": the file's bias is used if there is one, else zeros. */
export type Bias = "always" | "never" | "optional";

export type Step = LookUpStep | NormStep | LinearStep | GateStep | ScaleStep | RotaryStep;

/** attention = softmax(scale · query · keysᵀ) · values, over those tokens of the sentence that the row may see. */
export interface AttentionStep {
  /** A row sees keys up to its own position; otherwise all keys of its sentence. */
  readonly causal: boolean;
  readonly scale: number;
  /** A row sees only this many keys. Its own is the last of them if causal, else the middle one. */
  readonly window?: number;
  /** Scores s become cap · tanh(s / cap). */
  readonly cap?: number;
}

/** The block of one layer. */
export interface LayerRecipe {
  /** One of these steps takes queries, keys and values apart, which attention reads. */
  readonly beforeAttention: readonly Step[];
  readonly attention: AttentionStep;
  readonly afterAttention: readonly Step[];
}

/** The activations of heads. */
export type HeadActivation = ActivationName | "tanh";

/** Of a head, row by row: the row becomes activation(W · row + bias), as wide as `to`. */
export interface HeadLinear {
  readonly kind: "linear";
  readonly role: Role;
  readonly to: "channels" | "labels";
  readonly bias: Bias;
  readonly activation?: HeadActivation;
}

/** Of a head, row by row: its norm by mean and variance. */
export interface HeadNorm {
  readonly kind: "norm";
  readonly role: Role;
  readonly bias: Bias;
}

export type HeadStep = HeadLinear | HeadNorm;

/** How the logits of labels come from the last rows: from every token's, or from one row of each sentence. */
export interface ClassifierRecipe {
  /** "cls" is the row of the first token, "mean" that of all tokens. */
  readonly of: "tokens" | "cls" | "mean";
  readonly steps: readonly HeadStep[];
}

/** Logits = rows · Wᵀ + bias, where W are the rows of the embedding if the head is tied. */
export interface HeadRecipe {
  /** What becomes of the rows before that. Files of such models may lack all of the head: then it cannot be used. */
  readonly transform?: readonly HeadStep[];
  readonly tied: boolean;
  readonly bias: Bias;
  /** What logits are multiplied by. Default: 1. */
  readonly scale?: number;
  /** After that, logits z become cap · tanh(z / cap). */
  readonly cap?: number;
}

/** A model from token ids to its last rows, and to logits if it has a head. */
export interface Recipe {
  readonly embed: readonly Step[];
  readonly layers: readonly LayerRecipe[];
  readonly finish: readonly Step[];
  /** The place of the last rows, which the head reads. */
  readonly output: Place;
  readonly head?: HeadRecipe;
  readonly classifier?: ClassifierRecipe;
  /** The widths of places that are not among the usual ones. */
  readonly places?: Readonly<Record<string, AxisName>>;
}

/** The widths of the usual places. */
export const usualPlaces: Readonly<Record<string, AxisName>> = {
  residual: "channels",
  normalised: "channels",
  // Before positions are in them.
  queryKeyValue: "queryKeyValue",
  query: "query",
  keyValue: "keyValue",
  attention: "query",
  hidden: "hidden",
  normedQuery: "query",
  normedKeys: "key",
  gateUp: "gateUp",
  // What attention or MLP give, where it is not added as it is.
  branch: "channels",
};

/** Looks up the token embedding, and whatever else is added to it, by default into the residual stream. */
export function lookUp(more: Partial<Omit<LookUpStep, "kind" | "tokens">> = {}): LookUpStep {
  return { kind: "lookUp", tokens: "tokens", scale: 1, to: "residual", ...more };
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
    gainOffset: 0,
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

/** The gated product of an MLP, from "gateUp" to "hidden". */
export function gate(): GateStep {
  return { kind: "gate", name: "gate", from: "gateUp", to: "hidden" };
}

/** Adds a multiple of "branch" to the residual stream. */
export function addScaled(name: string, factor: number): ScaleStep {
  return { kind: "scale", name, factor, from: "branch", to: "residual", adds: true };
}

/** Takes queries, keys and values apart, by default those of "queryKeyValue", and puts positions into queries and keys. */
export function rotary(
  rotation: Rotation | undefined,
  from: Partial<Pick<RotaryStep, "queries" | "keys">> = {},
): RotaryStep {
  return {
    kind: "rotary",
    rotation,
    queries: "queryKeyValue",
    keys: "queryKeyValue",
    values: "queryKeyValue",
    ...from,
  };
}

/** Takes queries, keys and values apart, as they are. */
export function takeApart(): RotaryStep {
  return rotary(undefined);
}

/** Whether the model can say which token comes next: it has a head, and no token sees those behind it. */
export function predictsNext({ head, layers }: Pick<Recipe, "head" | "layers">): boolean {
  return head !== undefined && layers.every(({ attention }) => attention.causal);
}

/** The width of a place. */
export function widthOf(place: Place, { places }: Pick<Recipe, "places">): AxisName {
  const axis = places?.[place] ?? usualPlaces[place];
  if (axis === undefined) throw new Error(`A recipe writes "${place}" without saying how wide it is.`);
  return axis;
}
