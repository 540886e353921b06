// How the nodes of a plan are numbered: closed formulas from (sentence, layer, slice) to a node's number.
// Per layer: all slices, then all joins, then all attention tasks; after the last layer, the slices of the last segment.
// A training step goes on with the segments in reverse: all slice gradients, then a join per sentence, then a weight
// gradient per share, then (but for segment 0) the attention gradients of the layer before.
import type { AttentionGrain, Fence } from "./vocabulary.js";

/** What a plan is built from. */
export interface PlanShape {
  /** Tokens of each sentence. */
  readonly lengths: readonly number[];
  readonly layers: number;
  /** k: tokens per slice. The last slice of a sentence may be shorter; k ≥ T gives one slice. */
  readonly sliceTokens: number;
  readonly fence: Fence;
  readonly attentionGrain: AttentionGrain;
  /** The share of each sentence. Only the plan of a training step has it. */
  readonly shareOf?: readonly number[];
}

export interface PlanNumbering {
  /** Slices of sentence s are sliceStart[s] … sliceStart[s + 1] − 1, counted over the whole batch. */
  readonly sliceStart: Int32Array;
  readonly slicesPerSegment: number;
  readonly joinsPerLayer: number;
  readonly attentionPerLayer: number;
  readonly nodesPerLayer: number;
  /** Nodes of the forward part. In a forward plan these are all nodes. */
  readonly forwardNodes: number;
  /** 0 in a forward plan. */
  readonly shares: number;
  /** Nodes of the backward part of a segment; 0 in a forward plan. */
  readonly nodesPerGradient: number;
  readonly nodeCount: number;
}

/** Counts the nodes of each kind. */
export function numberNodes(shape: PlanShape): PlanNumbering {
  const { lengths, layers, sliceTokens, fence, attentionGrain, shareOf } = shape;
  const sliceStart = new Int32Array(lengths.length + 1);
  for (const [sentence, length] of lengths.entries())
    sliceStart[sentence + 1] = sliceStart[sentence]! + Math.ceil(length / sliceTokens);
  const slicesPerSegment = sliceStart[lengths.length]!;
  const joinsPerLayer = fence === "sentence" ? lengths.length : slicesPerSegment;
  const attentionPerLayer = attentionGrain === "sentence" ? lengths.length : slicesPerSegment;
  const nodesPerLayer = slicesPerSegment + joinsPerLayer + attentionPerLayer;
  const forwardNodes = layers * nodesPerLayer + slicesPerSegment;
  const shares = countShares(shareOf ?? []);
  const nodesPerGradient = shareOf ? slicesPerSegment + 2 * lengths.length + shares : 0;
  // No attention comes before segment 0, so it has no attention gradients.
  const withoutAttention = shareOf ? lengths.length : 0;
  return {
    sliceStart,
    slicesPerSegment,
    joinsPerLayer,
    attentionPerLayer,
    nodesPerLayer,
    forwardNodes,
    shares,
    nodesPerGradient,
    nodeCount: forwardNodes + (layers + 1) * nodesPerGradient - withoutAttention,
  };
}

/** Where each kind of node begins in the backward part of a segment. */
export interface GradientBlock {
  readonly slices: number;
  readonly joins: number;
  readonly weights: number;
  /** The attention gradients of the layer before the segment. */
  readonly attention: number;
}

export function gradientBlock(numbering: PlanNumbering, layers: number, segment: number): GradientBlock {
  const slices = numbering.forwardNodes + (layers - segment) * numbering.nodesPerGradient;
  const joins = slices + numbering.slicesPerSegment;
  const weights = joins + numbering.sliceStart.length - 1;
  return { slices, joins, weights, attention: weights + numbering.shares };
}

/** The number of shares. They are numbered from 0. */
export function countShares(shareOf: readonly number[]): number {
  return shareOf.reduce((count, share) => Math.max(count, share + 1), 0);
}
