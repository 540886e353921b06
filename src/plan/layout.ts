// How the nodes of a plan are numbered: closed formulas from (sentence, layer, slice) to a node's number.
// Per layer: all slices, then all joins, then all attention tasks; after the last layer, the slices of the last segment.
import type { PlanShape } from "./plan.js";

export interface Layout {
  /** Slices of sentence s are sliceStart[s] … sliceStart[s + 1] − 1, counted over the whole batch. */
  readonly sliceStart: Int32Array;
  readonly slicesPerSegment: number;
  readonly joinsPerLayer: number;
  readonly attentionPerLayer: number;
  readonly nodesPerLayer: number;
  readonly nodeCount: number;
}

/** Counts the nodes of each kind. */
export function layOut({ lengths, layers, sliceTokens, fence, attentionGrain }: PlanShape): Layout {
  const sliceStart = new Int32Array(lengths.length + 1);
  for (const [sentence, length] of lengths.entries())
    sliceStart[sentence + 1] = sliceStart[sentence]! + Math.ceil(length / sliceTokens);
  const slicesPerSegment = sliceStart[lengths.length]!;
  const joinsPerLayer = fence === "sentence" ? lengths.length : slicesPerSegment;
  const attentionPerLayer = attentionGrain === "sentence" ? lengths.length : slicesPerSegment;
  const nodesPerLayer = slicesPerSegment + joinsPerLayer + attentionPerLayer;
  const nodeCount = layers * nodesPerLayer + slicesPerSegment;
  return { sliceStart, slicesPerSegment, joinsPerLayer, attentionPerLayer, nodesPerLayer, nodeCount };
}
