// Token embedding, and those of positions and of types of tokens if the model learned them, for the rows of a table.
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
  "W" | "scales" | "positionEmbedding" | "typeEmbedding" | "rowInfo" | "rowTable" | "sampled" | "X";
export type EmbeddingParam =
  | "firstEntry"
  | "rowCount"
  | "channelVectors"
  | "firstToken"
  | "tokenCount"
  | "shardStride"
  | "scale"
  | "firstPosition";

/** Added to an index in a row's token: the row has the newest token of the sequence with that index. */
export const SAMPLED_TOKEN = 0x80000000;

/** In a model with types of tokens, a row's token is the id plus this many times the type. */
export const TOKEN_TYPE = 0x1000000;
/** Types that fit there. */
export const MOST_TOKEN_TYPES = 128;

const forward = (element: ElementType): KernelDefinition<EmbeddingBinding, EmbeddingParam> => ({
  name: "embedding.forward",
  source,
  common: weightReader(element),
  bindings: {
    W: "read",
    positionEmbedding: "read",
    typeEmbedding: "read",
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
    firstPosition: "u32",
  },
  grid: ({ rowCount, channelVectors }) => foldGrid(Math.ceil((rowCount * channelVectors) / 64)),
});

/** Whether there are tables of learned positions, and of types of tokens. */
export const embeddingVariant = (
  element: ElementType,
  { positions, tokenTypes = false }: { readonly positions: boolean; readonly tokenTypes?: boolean },
): KernelVariant<EmbeddingBinding, EmbeddingParam> =>
  specialise(
    forward(element),
    { POSITIONS: positions, TOKEN_TYPES: tokenTypes, ...weightConstants(element) },
    element,
  );
