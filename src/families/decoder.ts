// The block that most decoders share, with its differences as arguments: norms before or after attention and MLP, norms of
// queries and keys, a gated MLP, rotary positions, windows. Families are files of such arguments.
import type { RoleSource, TensorPart } from "./family.js";
import type { ModelConfig } from "./model-config.js";
import {
  addScaled,
  gate,
  linear,
  lookUp,
  norm,
  rotary,
  type AttentionStep,
  type Bias,
  type HeadRecipe,
  type LayerRecipe,
  type NormStep,
  type Place,
  type Recipe,
  type Step,
} from "./recipe.js";

export interface DecoderKind {
  /** Where norms are: of what attention and MLP read, of what they give, or both. */
  readonly norms: "before" | "after" | "both";
  /** Norms of queries and keys: of each head, or of all heads together. */
  readonly normsQueries?: "heads" | "rows";
  /** Added to the gains of all norms. */
  readonly gainOffset?: 0 | 1;
}

export function decoderRecipe(config: ModelConfig, kind: DecoderKind): Recipe {
  const { layers, embeddingScale = 1, tiedHead, logitScale, logitCap, isBidirectional } = config;
  const head: HeadRecipe = {
    tied: tiedHead,
    bias: "never",
    ...(logitScale === undefined ? {} : { scale: logitScale }),
    ...(logitCap === undefined ? {} : { cap: logitCap }),
  };
  return {
    embed: [lookUp({ scale: embeddingScale })],
    layers: Array.from({ length: layers }, (_, layer) => decoderLayer(config, kind, layer)),
    finish: [norm("finalNorm", rmsOf(kind))],
    output: "normalised",
    // Where every token sees those behind it, none can be predicted.
    ...(isBidirectional ? {} : { head }),
  };
}

function decoderLayer(config: ModelConfig, kind: DecoderKind, layer: number): LayerRecipe {
  const { branchScale = 1, biases } = config;
  const rms = rmsOf(kind);
  const isBefore = kind.norms !== "after";
  const from = isBefore ? "normalised" : "residual";
  const add = (role: string, own: Place, has: boolean | undefined): Step[] => {
    if (kind.norms === "before" && branchScale === 1)
      return [linear(role, { from: own, to: "residual", bias: biasIf(has), adds: true })];
    return [
      linear(role, { from: own, to: "branch", bias: biasIf(has) }),
      kind.norms === "before"
        ? addScaled(`${role}Scale`, branchScale)
        : norm(`${role}Norm`, { ...rms, from: "branch", to: "residual", adds: true }),
    ];
  };
  return {
    beforeAttention: [...(isBefore ? [norm("norm1", rms)] : []), ...queries(config, kind, layer, from)],
    attention: attentionStep(config, layer),
    afterAttention: [
      ...add("projection", "attention", biases?.projection),
      ...(isBefore ? [norm("norm2", rms)] : []),
      linear("gateUp", { from, to: "gateUp", bias: biasIf(biases?.mlp) }),
      gate(),
      ...add("down", "hidden", biases?.mlp),
    ],
  };
}

const biasIf = (has: boolean | undefined): Bias => (has ? "always" : "never");

/** Queries, keys and values of a layer, from the rows that attention reads. */
function queries(
  config: ModelConfig,
  { normsQueries, ...kind }: DecoderKind,
  layer: number,
  from: Place,
): Step[] {
  const bias = config.biases?.attention ? "always" : "never";
  const { rotation } = config.attention![layer]!;
  const project = linear("queryKeyValue", { from, to: "queryKeyValue", bias });
  const own = rotation === undefined ? undefined : config.rotations![rotation];
  if (!normsQueries) return [project, rotary(own)];
  const over = normsQueries === "heads" ? "headWidth" : undefined;
  const rms = { ...rmsOf(kind), from: "queryKeyValue" };
  return [
    project,
    norm("queryNorm", { ...rms, to: "normedQuery", over: over ?? "query" }),
    norm("keyNorm", { ...rms, to: "normedKeys", over: over ?? "key", behind: "query" }),
    rotary(own, { queries: "normedQuery", keys: "normedKeys" }),
  ];
}

/** How a layer attends. */
export function attentionStep(
  { attention, headWidth, scoreScale = 1 / Math.sqrt(headWidth), scoreCap, isBidirectional }: ModelConfig,
  layer: number,
): AttentionStep {
  const window = attention?.[layer]?.window;
  return {
    causal: !isBidirectional,
    scale: scoreScale,
    ...(window === undefined ? {} : { window }),
    ...(scoreCap === undefined ? {} : { cap: scoreCap }),
  };
}

const rmsOf = ({ gainOffset = 0 }: Pick<DecoderKind, "gainOffset">): Partial<NormStep> => ({
  method: "rms",
  bias: "never",
  gainOffset,
});

/** The outputs of queries or keys in a file, whose pairs are half of what is turned apart. */
export function turned(
  { rotations, attention, headWidth: width }: ModelConfig,
  part: TensorPart,
): TensorPart {
  const isTurned = rotations?.[0] && attention?.some(({ rotation }) => rotation !== undefined);
  if (!isTurned) return part;
  return { ...part, halves: { width, turned: 2 * rotations[0]!.frequencies.length } };
}

/** Queries, keys and values of a file that holds all of them, in this order, in the tensor `of`. */
export function fusedProjections(config: ModelConfig, of: string): RoleSource {
  const { heads, keyValueHeads, headWidth } = config;
  const [query, key] = [heads * headWidth, keyValueHeads * headWidth];
  return joined(turned(config, { of, size: query }), turned(config, { of, first: query, size: key }), {
    of,
    first: query + key,
    size: key,
  });
}

/** Queries, keys and values of files that hold each of them in a tensor. `turn` says so of those that positions turn. */
export function separateProjections(
  config: ModelConfig,
  [query, key, value]: readonly [query: string, key: string, value: string],
  turn: (part: TensorPart) => TensorPart = (part) => turned(config, part),
): RoleSource {
  const { heads, keyValueHeads, headWidth } = config;
  const size = keyValueHeads * headWidth;
  return joined(turn({ of: query, size: heads * headWidth }), turn({ of: key, size }), { of: value, size });
}

/** Several tensors that are joined, in this order. */
export function joined(...parts: TensorPart[]): RoleSource {
  return { parts };
}
