// Attention of query blocks over the keys and values of their own sentence.
import inputs from "../../../shaders/common/attention-inputs.wgsl?raw";
import paramsSource from "../../../shaders/common/attention-params.wgsl?raw";
import vectors from "../../../shaders/common/vectors.wgsl?raw";
import source from "../../../shaders/attention/forward.wgsl?raw";
import {
  foldGrid,
  specialise,
  type Constants,
  type KernelDefinition,
  type KernelVariant,
} from "../../gpu/kernel.js";
import type { SuitableRows, WorkgroupNeeds } from "../workgroup-needs.js";

export interface AttentionShape {
  /** ceil(D/4). */
  readonly headVectors: number;
  /** A row sees keys up to its own position; otherwise all keys of its sentence. */
  readonly isCausal: boolean;
}

export interface AttentionOptions extends AttentionShape {
  /** Consecutive tokens of a sentence whose keys and values lie in consecutive rows. A multiple of 4. */
  readonly pageTokens: number;
}

/** The most rows of a sentence one entry of the block table may hold. */
export const QUERY_BLOCK_ROWS = 4;

export type AttentionBinding = "Q" | "KV" | "rowInfo" | "pageTable" | "blockTable" | "A";
export type AttentionParam = "firstEntry" | "blockCount" | "heads" | "scale";

/** The parameters of every kernel of attention, forward and backward. See shaders/common/attention-params.wgsl. */
export const attentionParams = { firstEntry: "u32", blockCount: "u32", heads: "u32", scale: "f32" } as const;
export const attentionFragments: readonly string[] = [vectors, paramsSource];

/** The part of a definition that all forward kernels of attention share. */
export const attentionInterface: Pick<
  KernelDefinition<AttentionBinding, AttentionParam>,
  "common" | "bindings" | "params"
> = {
  common: [...attentionFragments, inputs],
  bindings: { Q: "read", KV: "read", rowInfo: "read", pageTable: "read", blockTable: "read", A: "readWrite" },
  params: attentionParams,
};

/** A kernel that computes attention. All of them give the same bits, and differ in where they are fast. */
export interface AttentionKernel {
  readonly name: string;
  readonly suits: SuitableRows;
  needs(shape: AttentionShape): WorkgroupNeeds;
  variant(options: AttentionOptions): KernelVariant<AttentionBinding, AttentionParam>;
}

/** The prelude's constants. */
export const attentionConstants = ({ headVectors, isCausal, pageTokens }: AttentionOptions): Constants => ({
  HEAD_VECTORS: headVectors,
  CAUSAL: isCausal,
  PAGE_TOKENS: pageTokens,
});

const forward: KernelDefinition<AttentionBinding, AttentionParam> = {
  name: "attention.forward",
  source,
  ...attentionInterface,
  grid: ({ blockCount, heads }) => foldGrid(Math.ceil((blockCount * heads) / 32)),
};

/** One pass over the keys in registers, no workgroup memory: fast on software adapters, runs on all. */
export const registerTiledAttention: AttentionKernel = {
  name: "register-tiled",
  suits: "any",
  needs: () => ({ invocations: 32, bytes: 0 }),
  variant: (options) => specialise(forward, attentionConstants(options)),
};
