// Token embedding, and that of positions if the model learned one, for the rows of a table.
import source from "../../../shaders/embedding/forward.wgsl?raw";
import {
  foldGrid,
  specialise,
  type ElementType,
  type KernelDefinition,
  type KernelVariant,
} from "../../gpu/kernel.js";
import { weightConstants, weightReader } from "../linear/weight-reader.js";

export type EmbeddingBinding =
  "W" | "scales" | "positionEmbedding" | "rowInfo" | "rowTable" | "sampled" | "X";
export type EmbeddingParam =
  "firstEntry" | "rowCount" | "channelVectors" | "firstToken" | "tokenCount" | "shardStride" | "scale";

/** Added to an index in a row's token: the row has the newest token of the sequence with that index. */
export const SAMPLED_TOKEN = 0x80000000;

const forward = (element: ElementType): KernelDefinition<EmbeddingBinding, EmbeddingParam> => ({
  name: "embedding.forward",
  source,
  common: weightReader(element),
  bindings: {
    W: "read",
    positionEmbedding: "read",
    rowInfo: "read",
    rowTable: "read",
    sampled: "read",
    scales: "read",
    X: "readWrite",
  },
  params: {
    firstEntry: "u32",
    rowCount: "u32",
    channelVectors: "u32",
    firstToken: "u32",
    tokenCount: "u32",
    shardStride: "u32",
    scale: "f32",
  },
  grid: ({ rowCount, channelVectors }) => foldGrid(Math.ceil((rowCount * channelVectors) / 64)),
});

/** `positions`: whether there is a table of learned positions. */
export const embeddingVariant = (
  element: ElementType,
  { positions }: { readonly positions: boolean },
): KernelVariant<EmbeddingBinding, EmbeddingParam> =>
  specialise(forward(element), { POSITIONS: positions, ...weightConstants(element) }, element);
