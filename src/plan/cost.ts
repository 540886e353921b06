// What tasks are expected to cost. Placing and ordering need ratios only, so costs have no unit; schedule/pace.ts learns how
// many ms one is.
import { NodeKind, type Plan } from "./plan.js";

export interface CostModel {
  sliceMs(segment: number, tokenCount: number): number;
  /** For query rows firstToken…firstToken+tokenCount−1 of a sentence of `length` tokens. Default layer: 0. */
  attentionMs(firstToken: number, tokenCount: number, length: number, layer?: number): number;
}

/** What attention of a layer looks at. */
export interface AttentionWork {
  /** Width of a row of queries. */
  readonly width: number;
  readonly causal: boolean;
  /** A row sees so many keys at most. */
  readonly window?: number;
}

/** Multiply-adds of a model's products, counted. */
export interface ModelWork {
  /** Per row of each segment, 0…L. */
  readonly segments: readonly number[];
  /** By layer. */
  readonly attention: readonly AttentionWork[];
}

/** Query-key pairs that attention for these rows looks at: rows × keys, or each row its own past and itself. */
export function attentionPairs(
  firstToken: number,
  tokenCount: number,
  length: number,
  causal: boolean,
  window: number = Infinity,
): number {
  if (window >= length)
    return causal ? tokenCount * firstToken + (tokenCount * (tokenCount + 1)) / 2 : tokenCount * length;
  let pairs = 0;
  for (let token = firstToken; token < firstToken + tokenCount; token++)
    pairs += Math.min(window, causal ? token + 1 : length);
  return pairs;
}

/** Counts millions of multiply-adds: right in proportion, in no unit of time. */
export function countedCost({ segments, attention }: ModelWork): CostModel {
  return {
    sliceMs: (segment, tokenCount) => tokenCount * segments[segment]! * 1e-6,
    attentionMs: (firstToken, tokenCount, length, layer = 0) => {
      const { width, causal, window } = attention[layer]!;
      return 2 * width * attentionPairs(firstToken, tokenCount, length, causal, window) * 1e-6;
    },
  };
}

/** As `countedCost`, for a model of the plainest kind: queries, keys and values of its width, an MLP of two products. */
export function flopCost(model: {
  channels: number;
  hidden: number;
  layers: number;
  causal: boolean;
}): CostModel {
  const { channels, hidden, layers, causal } = model;
  const queryKeyValue = 3 * channels * channels;
  const tail = channels * channels + 2 * channels * hidden;
  return {
    sliceMs: (segment, tokenCount) =>
      tokenCount * ((segment > 0 ? tail : 0) + (segment < layers ? queryKeyValue : 0)) * 1e-6,
    attentionMs: (firstToken, tokenCount, length) =>
      2 * channels * attentionPairs(firstToken, tokenCount, length, causal) * 1e-6,
  };
}

/** The cost model of a plan whose model is not known: a small one, causal if the fence is. */
export function defaultCost(plan: Plan): CostModel {
  return flopCost({ channels: 256, hidden: 1024, layers: plan.layers, causal: plan.fence === "prefix" });
}

/**
 * How much more gradients cost than the forward tasks they belong to. The gradient of a slice runs the slice forward again,
 * for what was not kept, and once backward. That of attention recomputes its scores in two kernels: five products instead
 * of two. A weight gradient is one product per linear layer, over all tokens of the share, so it costs as much as a slice.
 */
const sliceGradientFactor = 2;
const attentionGradientFactor = 2.5;

/** The cost of every node of a plan; joins cost nothing. */
export function nodeCosts(plan: Plan, cost: CostModel): Float64Array {
  const costs = new Float64Array(plan.nodeCount);
  for (let node = 0; node < plan.nodeCount; node++) {
    const kind = plan.kind[node];
    const tokenCount = plan.tokenCount[node]!;
    const sliceMs = (): number => cost.sliceMs(plan.level[node]!, tokenCount);
    const attentionMs = (): number =>
      cost.attentionMs(
        plan.firstToken[node]!,
        tokenCount,
        plan.lengths[plan.sentence[node]!]!,
        plan.level[node],
      );
    if (kind === NodeKind.slice || kind === NodeKind.weightGradient) costs[node] = sliceMs();
    else if (kind === NodeKind.attention) costs[node] = attentionMs();
    else if (kind === NodeKind.sliceGradient) costs[node] = sliceGradientFactor * sliceMs();
    else if (kind === NodeKind.attentionGradient) costs[node] = attentionGradientFactor * attentionMs();
  }
  return costs;
}
