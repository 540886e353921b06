// One row for each sentence of the rows of its tokens.
import source from "../../../shaders/pooling/forward.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";

/** The numbers by which the shader knows the ways to pool. */
export const poolingMethods = {
  cls: 0,
  lasttoken: 1,
  max: 2,
  mean: 3,
  mean_sqrt_len_tokens: 4,
  weightedmean: 5,
} as const;

/** A way to pool, as sentence-transformers names it. */
export type PoolingName = keyof typeof poolingMethods;

/** Words of a sentence in the table: its first row, how many it has, and how many of the first are left out. */
export const POOLING_WORDS = 3;

type PoolingBinding = "X" | "table" | "Y";
type PoolingParam =
  "firstWord" | "sentenceCount" | "channelVectors" | "poolingMethod" | "outputStride" | "outputOffset";

const forward: KernelDefinition<PoolingBinding, PoolingParam> = {
  name: "pooling.forward",
  source,
  common: [],
  bindings: { X: "read", table: "read", Y: "readWrite" },
  params: {
    firstWord: "u32",
    sentenceCount: "u32",
    channelVectors: "u32",
    poolingMethod: "u32",
    outputStride: "u32",
    outputOffset: "u32",
  },
  grid: ({ sentenceCount, channelVectors }) => foldGrid(Math.ceil((sentenceCount * channelVectors) / 64)),
};

export const poolingVariant: KernelVariant<PoolingBinding, PoolingParam> = specialise(forward, {});
