// Token plus position embedding for the rows of a table.
import source from "../../shaders/embedding/forward.wgsl?raw";
import {
  foldGrid,
  specialise,
  type ElementType,
  type KernelDefinition,
  type KernelVariant,
} from "../gpu/kernel.js";

export type EmbeddingBinding = "tokenEmbedding" | "positionEmbedding" | "rowInfo" | "rowTable" | "X";
export type EmbeddingParam =
  "firstEntry" | "rowCount" | "channelVectors" | "firstToken" | "tokenCount" | "shardStride";

const forward: KernelDefinition<EmbeddingBinding, EmbeddingParam> = {
  name: "embedding.forward",
  source,
  common: [],
  bindings: {
    tokenEmbedding: "read",
    positionEmbedding: "read",
    rowInfo: "read",
    rowTable: "read",
    X: "readWrite",
  },
  params: {
    firstEntry: "u32",
    rowCount: "u32",
    channelVectors: "u32",
    firstToken: "u32",
    tokenCount: "u32",
    shardStride: "u32",
  },
  grid: ({ rowCount, channelVectors }) => foldGrid(Math.ceil((rowCount * channelVectors) / 64)),
};

export const embeddingVariant = (element: ElementType): KernelVariant<EmbeddingBinding, EmbeddingParam> =>
  specialise(forward, {}, element);
