// Gradients of attention: for queries, which leaves the statistics of each row behind, then for keys and values.
import keyValueSource from "../../shaders/attention/backward-key-value.wgsl?raw";
import querySource from "../../shaders/attention/backward-query.wgsl?raw";
import {
  foldGrid,
  specialise,
  type ElementType,
  type KernelDefinition,
  type KernelVariant,
} from "../gpu/kernel.js";
import type { AttentionShape } from "./attention.js";

export type AttentionBackwardQueryBinding =
  "Q" | "KV" | "A" | "dA" | "rowInfo" | "blockTable" | "dQ" | "stats";
export type AttentionBackwardKeyValueBinding = "Q" | "KV" | "dA" | "stats" | "rowInfo" | "rowTable" | "dKV";
export type AttentionBackwardQueryParam = "firstEntry" | "blockCount" | "heads" | "scale";
export type AttentionBackwardParam = "firstEntry" | "rowCount" | "heads" | "scale";

const params = { firstEntry: "u32", rowCount: "u32", heads: "u32", scale: "f32" } as const;

const backwardQuery: KernelDefinition<AttentionBackwardQueryBinding, AttentionBackwardQueryParam> = {
  name: "attention.backward-query",
  source: querySource,
  common: [],
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
  params: { firstEntry: "u32", blockCount: "u32", heads: "u32", scale: "f32" },
  grid: ({ blockCount, heads }) => foldGrid(Math.ceil((blockCount * heads) / 32)),
};

const backwardKeyValue: KernelDefinition<AttentionBackwardKeyValueBinding, AttentionBackwardParam> = {
  name: "attention.backward-key-value",
  source: keyValueSource,
  common: [],
  bindings: {
    Q: "read",
    KV: "read",
    dA: "read",
    stats: "read",
    rowInfo: "read",
    rowTable: "read",
    dKV: "readWrite",
  },
  params,
  grid: ({ rowCount, heads }) => foldGrid(Math.ceil((rowCount * heads) / 32)),
};

export const attentionBackwardQueryVariant = (
  options: AttentionShape,
  element: ElementType,
): KernelVariant<AttentionBackwardQueryBinding, AttentionBackwardQueryParam> =>
  specialise(backwardQuery, { HEAD_VECTORS: options.headVectors, CAUSAL: options.isCausal }, element);

export const attentionBackwardKeyValueVariant = (
  options: AttentionShape,
  element: ElementType,
): KernelVariant<AttentionBackwardKeyValueBinding, AttentionBackwardParam> =>
  specialise(backwardKeyValue, { HEAD_VECTORS: options.headVectors, CAUSAL: options.isCausal }, element);
