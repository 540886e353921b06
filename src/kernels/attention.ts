// Attention of query blocks over the keys and values of their own sentence.
import source from "../../shaders/attention/forward.wgsl?raw";
import {
  foldGrid,
  specialise,
  type ElementType,
  type KernelDefinition,
  type KernelVariant,
} from "../gpu/kernel.js";

export interface AttentionShape {
  /** ceil(D/4). */
  readonly headVectors: number;
  /** A row sees keys up to its own position; otherwise all keys of its sentence. */
  readonly isCausal: boolean;
}

export interface AttentionOptions extends AttentionShape {
  /** Consecutive tokens of a sentence whose keys and values lie in consecutive slots. A multiple of 4. */
  readonly pageTokens: number;
}

/** The most rows of a sentence one entry of the block table may hold. */
export const QUERY_BLOCK_ROWS = 4;

export type AttentionBinding = "Q" | "KV" | "rowInfo" | "pageTable" | "blockTable" | "A";
export type AttentionParam = "firstEntry" | "blockCount" | "heads" | "scale";

const forward: KernelDefinition<AttentionBinding, AttentionParam> = {
  name: "attention.forward",
  source,
  common: [],
  bindings: { Q: "read", KV: "read", rowInfo: "read", pageTable: "read", blockTable: "read", A: "readWrite" },
  params: { firstEntry: "u32", blockCount: "u32", heads: "u32", scale: "f32" },
  grid: ({ blockCount, heads }) => foldGrid(Math.ceil((blockCount * heads) / 32)),
};

/** A family of kernels for the same attention. */
export interface AttentionFamily {
  readonly name: string;
  variant(options: AttentionOptions, element: ElementType): KernelVariant<AttentionBinding, AttentionParam>;
}

/** One pass over the keys in registers, no workgroup memory: fast on software adapters, runs on all. */
export const registerTiledAttention: AttentionFamily = {
  name: "register-tiled",
  variant: ({ headVectors, isCausal, pageTokens }, element) =>
    specialise(forward, { HEAD_VECTORS: headVectors, CAUSAL: isCausal, PAGE_TOKENS: pageTokens }, element),
};
