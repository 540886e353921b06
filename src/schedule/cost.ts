// What tasks are expected to cost. Only ratios matter for placing and ordering; a fitted model may give real ms.
import { NodeKind, type Plan } from "../plan/plan.js";

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

/** What a plan's tasks cost where nothing was measured: a small model, causal where the fence says so. */
export function defaultCost(plan: Plan): CostModel {
  return flopCost({ channels: 256, hidden: 1024, layers: plan.layers, causal: plan.fence === "prefix" });
}

/** The cost of every node of a plan; joins cost nothing. */
export function nodeCosts(plan: Plan, cost: CostModel): Float64Array {
  const costs = new Float64Array(plan.nodeCount);
  for (let node = 0; node < plan.nodeCount; node++) {
    const kind = plan.kind[node];
    const tokenCount = plan.tokenCount[node]!;
    if (kind === NodeKind.slice) costs[node] = cost.sliceMs(plan.level[node]!, tokenCount);
    else if (kind === NodeKind.attention)
      costs[node] = cost.attentionMs(plan.firstToken[node]!, tokenCount, plan.lengths[plan.sentence[node]!]!);
  }
  return costs;
}
