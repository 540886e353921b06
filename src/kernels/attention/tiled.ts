// Attention kernel that shares keys and values through workgroup memory, for many rows on a GPU.
import source from "../../../shaders/attention/forward-tiled.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition } from "../../gpu/kernel.js";
import type { CacheFormat } from "../../tensor/formats.js";
import {
  attentionConstants,
  attentionInterface,
  sharedHeads,
  type AttentionBinding,
  type AttentionKernel,
  type AttentionParam,
  type AttentionShape,
} from "./attention.js";

/** Query blocks that have a tile's 32 rows, each of `sharedHeads` heads. */
const blocksOf = (shape: AttentionShape): number => Math.floor(8 / sharedHeads(shape));

/** More invocations for wide heads, so that none has more sums than registers. */
const threadsOf = ({ headVectors }: AttentionShape): number => (headVectors > 32 ? 256 : 128);

/** Values are staged in the 384 vec4s that queries and keys take. A power of two, so that it divides a block of keys. */
const valueKeysOf = ({ headVectors }: AttentionShape): number =>
  Math.min(64, 2 ** Math.floor(Math.log2(384 / headVectors)));

const forward = (keyValues: CacheFormat): KernelDefinition<AttentionBinding, AttentionParam> => ({
  name: "attention.forward-tiled",
  source,
  ...attentionInterface(keyValues),
  grid: ({ blockCount, heads }, constants) =>
    foldGrid((Math.ceil(blockCount / Number(constants["BLOCKS"])) * heads) / Number(constants["HEADS"])),
});

/** 32 rows of query heads per workgroup, all of whose heads share their keys. */
export const tiledAttention: AttentionKernel = {
  name: "tiled",
  suits: "many",
  isFor: "gpu",
  isSplit: false,
  needs: (shape) => ({ invocations: threadsOf(shape), bytes: 16384 }),
  stages: (options) => [
    specialise(forward(options.keyValues), {
      ...attentionConstants(options),
      HEADS: sharedHeads(options),
      BLOCKS: blocksOf(options),
      THREADS: threadsOf(options),
      VALUE_KEYS: valueKeysOf(options),
    }),
  ],
};
