// Gradients of token and position embeddings, by buckets of the rows that looked up the same id.
import source from "../../../shaders/embedding/backward.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";

type EmbeddingBackwardBinding = "dX" | "tables" | "dE";
type EmbeddingBackwardParam =
  "firstBucket" | "bucketCount" | "channelVectors" | "idStride" | "vectorStride" | "scale";

/** Words of a bucket in the tables: id, first word of its rows, rows. */
export const BUCKET_WORDS = 3;

const backward: KernelDefinition<EmbeddingBackwardBinding, EmbeddingBackwardParam> = {
  name: "embedding.backward",
  source,
  common: [],
  bindings: { dX: "read", tables: "read", dE: "readWrite" },
  params: {
    firstBucket: "u32",
    bucketCount: "u32",
    channelVectors: "u32",
    idStride: "u32",
    vectorStride: "u32",
    scale: "f32",
  },
  grid: ({ bucketCount, channelVectors }) => foldGrid(Math.ceil((bucketCount * channelVectors) / 64)),
};

export const embeddingBackwardVariant: KernelVariant<EmbeddingBackwardBinding, EmbeddingBackwardParam> =
  specialise(backward, {});
