// What tasks are expected to cost. Only ratios matter for placing and ordering; a fitted model may give real ms.
import { NodeKind, type Plan } from "./plan.js";

export interface CostModel {
  sliceMs(segment: number, tokenCount: number): number;
  /** For query rows firstToken…firstToken+tokenCount−1 of a sentence of `length` tokens. */
  attentionMs(firstToken: number, tokenCount: number, length: number): number;
}

/** Query-key pairs that attention for these rows looks at: rows × keys, or each row its own past and itself. */
export function attentionPairs(
  firstToken: number,
  tokenCount: number,
  length: number,
  causal: boolean,
): number {
  return causal ? tokenCount * firstToken + (tokenCount * (tokenCount + 1)) / 2 : tokenCount * length;
}

/** Counts millions of multiply-adds: right in proportion, in no unit of time. */
export function flopCost(model: {
  channels: number;
  hidden: number;
  layers: number;
  causal: boolean;
  /** Outputs of the head for every row; 0 where only the last row of a sentence has any, which is not counted. */
  headOutputs?: number;
}): CostModel {
  const { channels, hidden, layers, causal, headOutputs = 0 } = model;
  const queryKeyValue = 3 * channels * channels;
  const tail = channels * channels + 2 * channels * hidden;
  return {
    sliceMs: (segment, tokenCount) =>
      tokenCount *
      ((segment > 0 ? tail : 0) + (segment < layers ? queryKeyValue : headOutputs * channels)) *
      1e-6,
    attentionMs: (firstToken, tokenCount, length) =>
      2 * channels * attentionPairs(firstToken, tokenCount, length, causal) * 1e-6,
  };
}

/** What a plan's tasks cost where nothing was measured: a small model, causal where the fence says so. */
export function defaultCost(plan: Plan): CostModel {
  return flopCost({ channels: 256, hidden: 1024, layers: plan.layers, causal: plan.fence === "prefix" });
}

/**
 * How much dearer gradients are than what they are the gradients of. A slice runs forward once more, for what was not
 * kept, and backward once. Attention recomputes its scores in two kernels, with five products in place of two. Weights
 * take one product of the linear layers, over all tokens of the share.
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
      cost.attentionMs(plan.firstToken[node]!, tokenCount, plan.lengths[plan.sentence[node]!]!);
    if (kind === NodeKind.slice || kind === NodeKind.weightGradient) costs[node] = sliceMs();
    else if (kind === NodeKind.attention) costs[node] = attentionMs();
    else if (kind === NodeKind.sliceGradient) costs[node] = sliceGradientFactor * sliceMs();
    else if (kind === NodeKind.attentionGradient) costs[node] = attentionGradientFactor * attentionMs();
  }
  return costs;
}
