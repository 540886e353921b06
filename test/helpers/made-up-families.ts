// Models of other shapes than weft computes today, as families say them: decoders and encoders that people use, by their sizes
// (published configurations). Nothing is executed: they show that plan, parameters, memory and costs follow from a recipe.
import { separateProjections } from "../../src/families/decoder.js";
import type { Family, TensorNames } from "../../src/families/family.js";
import type { ModelConfig } from "../../src/families/model-config.js";
import {
  linear,
  lookUp,
  norm,
  rotary,
  takeApart,
  type Bias,
  type LayerRecipe,
  type Recipe,
  type Step,
} from "../../src/families/recipe.js";

export interface Sizes {
  readonly layers: number;
  readonly channels: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headWidth: number;
  readonly hidden: number;
  readonly vocabularySize: number;
  readonly contextLength: number;
}

export interface DecoderKind {
  /** Whether query, key and value projections have biases. */
  readonly attentionBias?: Bias;
  readonly normsHeads?: boolean;
  /** Norms of what attention and MLP give, before it is added. */
  readonly normsBranches?: boolean;
  /** By layer; undefined: all keys before. */
  readonly window?: (layer: number) => number | undefined;
  readonly tied?: boolean;
}

export function configOf(sizes: Sizes, more: Partial<ModelConfig> = {}): ModelConfig {
  return {
    modelType: "made up",
    activation: "gelu",
    normEpsilon: 1e-6,
    tokenTypes: 0,
    tiedHead: true,
    endTokens: [],
    beginToken: undefined,
    ...sizes,
    ...more,
  };
}

const rms = { method: "rms", bias: "never" } as const;

/** Norm by mean square, grouped heads, a gated MLP without its product (which has no step yet), no learned positions. */
export function decoderRecipe(config: ModelConfig, kind: DecoderKind): Recipe {
  const { attentionBias = "never", normsHeads = false, normsBranches = false, window, tied = true } = kind;
  const layer = (index: number): LayerRecipe => {
    const own = window?.(index);
    const add = (role: string, from: string, after: string): Step[] =>
      normsBranches
        ? [
            linear(role, { from, to: "branch", bias: "never" }),
            norm(after, { ...rms, from: "branch", to: "residual", adds: true }),
          ]
        : [linear(role, { from, to: "residual", bias: "never", adds: true })];
    return {
      beforeAttention: [
        norm("norm1", rms),
        linear("queryKeyValue", { from: "normalised", to: "queryKeyValue", bias: attentionBias }),
        ...(normsHeads
          ? [
              norm("queryNorm", { ...rms, from: "queryKeyValue", to: "normedQuery", over: "headWidth" }),
              norm("keyNorm", {
                ...rms,
                from: "queryKeyValue",
                to: "normedKeys",
                over: "headWidth",
                behind: "query",
              }),
              rotary(undefined, { queries: "normedQuery", keys: "normedKeys" }),
            ]
          : [takeApart()]),
      ],
      attention: {
        causal: true,
        scale: 1 / Math.sqrt(config.headWidth),
        ...(own === undefined ? {} : { window: own }),
      },
      afterAttention: [
        ...add("projection", "attention", "attentionNorm"),
        norm("norm2", rms),
        linear("gate", { from: "normalised", to: "gate", bias: "never" }),
        linear("up", { from: "normalised", to: "hidden", bias: "never", activates: true }),
        ...add("down", "hidden", "mlpNorm"),
      ],
    };
  };
  return {
    embed: [lookUp()],
    layers: Array.from({ length: config.layers }, (_, index) => layer(index)),
    finish: [norm("finalNorm", rms)],
    output: "normalised",
    head: { tied, bias: "never" },
    places: { gate: "hidden", branch: "channels" },
  };
}

/** Norms behind each addition, all keys of the sentence seen, positions and types of tokens looked up, no head. */
export function encoderRecipe(config: ModelConfig): Recipe {
  return {
    embed: [
      lookUp({ positions: "positions", tokenTypes: "tokenTypes" }),
      norm("embeddingNorm", { to: "normalised" }),
    ],
    layers: Array.from({ length: config.layers }, () => ({
      beforeAttention: [linear("queryKeyValue", { from: "normalised", to: "queryKeyValue" }), takeApart()],
      attention: { causal: false, scale: 1 / Math.sqrt(config.headWidth) },
      // Each norm writes the other of the two places, as no dispatch can read what it writes.
      afterAttention: [
        linear("projection", { from: "attention", to: "normalised", adds: true }),
        norm("norm1", { from: "normalised", to: "residual" }),
        linear("up", { from: "residual", to: "hidden", activates: true }),
        linear("down", { from: "hidden", to: "residual", adds: true }),
        norm("norm2", { from: "residual", to: "normalised" }),
      ],
    })),
    finish: [],
    output: "normalised",
  };
}

/** Attention and MLP read the same rows, and are both added to them: of the GPT-NeoX kind. */
export function parallelRecipe(config: ModelConfig): Recipe {
  return {
    embed: [lookUp({ positions: "positions" })],
    layers: Array.from({ length: config.layers }, () => ({
      beforeAttention: [
        norm("norm1"),
        linear("queryKeyValue", { from: "normalised", to: "queryKeyValue" }),
        takeApart(),
        // It reads the rows as they were before attention is added.
        norm("norm2", { to: "mlpInput" }),
      ],
      attention: { causal: true, scale: 1 / Math.sqrt(config.headWidth) },
      afterAttention: [
        linear("projection", { from: "attention", to: "residual", adds: true }),
        linear("up", { from: "mlpInput", to: "hidden", activates: true }),
        linear("down", { from: "hidden", to: "residual", adds: true }),
      ],
    })),
    finish: [norm("finalNorm")],
    output: "normalised",
    head: { tied: false, bias: "never" },
    places: { mlpInput: "channels" },
  };
}

/** A tensor per role, but for queries, keys and values, which files hold apart. */
export function namesOf(recipe: Recipe, config: ModelConfig): TensorNames {
  const { beforeAttention, afterAttention } = recipe.layers[0]!;
  const inLayers = [...beforeAttention, ...afterAttention];
  const sources: [string, TensorNames["roles"][string]][] = [];
  for (const step of [...recipe.embed, ...recipe.finish])
    for (const role of step.kind === "lookUp"
      ? [step.tokens, step.positions, step.tokenTypes]
      : ["role" in step ? step.role : undefined])
      if (role !== undefined) sources.push([role, { parts: [{ of: role }] }]);
  for (const step of inLayers)
    if ("role" in step)
      sources.push([
        step.role,
        step.role === "queryKeyValue"
          ? separateProjections(config, ["layer.{l}.query", "layer.{l}.key", "layer.{l}.value"])
          : { parts: [{ of: `layer.{l}.${step.role}` }] },
      ]);
  sources.push(["head", { parts: [{ of: "head" }] }]);
  return { roles: Object.fromEntries(sources), prefixes: [], ignored: /^$/ };
}

/** A family of one recipe. */
export function familyOf(recipe: (config: ModelConfig) => Recipe, config: ModelConfig): Family {
  return {
    name: config.modelType,
    modelTypes: [config.modelType],
    architectures: [],
    readConfig: () => config,
    recipe,
    tensors: (own) => namesOf(recipe(own), own),
  };
}
