// Attention in two dispatches, for few rows on a GPU: each block of keys by a workgroup of its own, then all blocks merged.
import mergeSource from "../../../shaders/attention/merge.wgsl?raw";
import source from "../../../shaders/attention/forward-split.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition } from "../../gpu/kernel.js";
import type { CacheFormat } from "../../tensor/formats.js";
import {
  attentionConstants,
  attentionFragments,
  attentionInputFragments,
  attentionParams,
  attentionShapeConstants,
  KEY_BLOCK,
  QUERY_BLOCK_ROWS,
  sharedHeads,
  type AttentionBinding,
  type AttentionKernel,
  type AttentionParam,
} from "./attention.js";

type SplitBinding = Exclude<AttentionBinding, "A"> | "partials";
type MergeBinding = "partials" | "rowInfo" | "blockTable" | "A";

const split = (keyValues: CacheFormat): KernelDefinition<SplitBinding, AttentionParam> => ({
  name: "attention.forward-split",
  source,
  common: attentionInputFragments(keyValues),
  bindings: {
    Q: "read",
    KV: "read",
    rowInfo: "read",
    pageTable: "read",
    blockTable: "read",
    partials: "readWrite",
  },
  params: attentionParams,
  grid: ({ blockCount, heads, keyBlocks }, constants) =>
    foldGrid((blockCount * QUERY_BLOCK_ROWS * heads * keyBlocks) / Number(constants["HEADS"])),
});

const merge: KernelDefinition<MergeBinding, AttentionParam> = {
  name: "attention.merge",
  source: mergeSource,
  common: attentionFragments,
  bindings: { partials: "read", rowInfo: "read", blockTable: "read", A: "readWrite" },
  params: attentionParams,
  grid: ({ blockCount, heads }) => foldGrid(blockCount * QUERY_BLOCK_ROWS * heads),
};

/** As many workgroups per row as it has blocks of keys. */
export const splitAttention: AttentionKernel = {
  name: "split",
  suits: "few",
  isFor: "gpu",
  isSplit: true,
  needs: (shape) => ({
    invocations: 64,
    bytes: (16 * shape.headVectors + 4 * KEY_BLOCK + 32) * sharedHeads(shape),
  }),
  stages: (options) => [
    specialise(split(options.keyValues), { ...attentionConstants(options), HEADS: sharedHeads(options) }),
    specialise(merge, attentionShapeConstants(options)),
  ],
};

/** Blocks of keys that a row can see, of a sentence of `keys` tokens. A window may touch one block more than it fills. */
export function keyBlocksOf(keys: number, window: number | undefined): number {
  const seen = window === undefined ? keys : Math.min(keys, window + 2 * KEY_BLOCK);
  return Math.ceil(seen / KEY_BLOCK);
}

/** Bytes of the partial results of a dispatch. */
export function partialBytes(shape: {
  readonly blockCount: number;
  readonly heads: number;
  readonly headVectors: number;
  readonly keyBlocks: number;
}): number {
  const { blockCount, heads, headVectors, keyBlocks } = shape;
  return 16 * blockCount * QUERY_BLOCK_ROWS * heads * keyBlocks * (headVectors + 1);
}
