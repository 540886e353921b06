// Gradients of attention: for queries, which leaves the statistics of each row behind, then for keys and values.
import keyValueSource from "../../../shaders/attention/backward-key-value.wgsl?raw";
import querySource from "../../../shaders/attention/backward-query.wgsl?raw";
import {
  foldGrid,
  specialise,
  type Grid,
  type KernelDefinition,
  type KernelVariant,
} from "../../gpu/kernel.js";
import {
  attentionFragments,
  attentionParams,
  type AttentionParam,
  type AttentionShape,
} from "./attention.js";

type AttentionBackwardQueryBinding = "Q" | "KV" | "A" | "dA" | "rowInfo" | "blockTable" | "dQ" | "stats";
type AttentionBackwardKeyValueBinding = "Q" | "KV" | "dA" | "stats" | "rowInfo" | "blockTable" | "dKV";

/** A block of at most QUERY_BLOCK_ROWS queries, or of as many keys, per invocation and head. */
const grid = ({ blockCount, heads }: Readonly<Record<AttentionParam, number>>): Grid =>
  foldGrid(Math.ceil((blockCount * heads) / 32));

const backwardQuery: KernelDefinition<AttentionBackwardQueryBinding, AttentionParam> = {
  name: "attention.backward-query",
  source: querySource,
  common: attentionFragments,
  bindings: {
    Q: "read",
    KV: "read",
    A: "read",
    dA: "read",
    rowInfo: "read",
    blockTable: "read",
    dQ: "readWrite",
    stats: "readWrite",
  },
  params: attentionParams,
  grid,
};

const backwardKeyValue: KernelDefinition<AttentionBackwardKeyValueBinding, AttentionParam> = {
  name: "attention.backward-key-value",
  source: keyValueSource,
  common: attentionFragments,
  bindings: {
    Q: "read",
    KV: "read",
    dA: "read",
    stats: "read",
    rowInfo: "read",
    blockTable: "read",
    dKV: "readWrite",
  },
  params: attentionParams,
  grid,
};

export const attentionBackwardQueryVariant = (
  options: AttentionShape,
): KernelVariant<AttentionBackwardQueryBinding, AttentionParam> =>
  specialise(backwardQuery, { HEAD_VECTORS: options.headVectors, CAUSAL: options.isCausal });

export const attentionBackwardKeyValueVariant = (
  options: AttentionShape,
): KernelVariant<AttentionBackwardKeyValueBinding, AttentionParam> =>
  specialise(backwardKeyValue, { HEAD_VECTORS: options.headVectors, CAUSAL: options.isCausal });
