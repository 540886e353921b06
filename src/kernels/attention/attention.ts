// Attention of query blocks over the keys and values of their own sentence: what all its kernels share.
import inputs from "../../../shaders/common/attention-inputs.wgsl?raw";
import paramsSource from "../../../shaders/common/attention-params.wgsl?raw";
import vectors from "../../../shaders/common/vectors.wgsl?raw";
import type { Constants, KernelDefinition, KernelVariant } from "../../gpu/kernel.js";
import type { CacheFormat } from "../../tensor/formats.js";
import { keyValueConstants, keyValueFragment } from "./key-values.js";
import type { AdapterKind, SuitableRows, WorkgroupNeeds } from "../workgroup-needs.js";

export interface AttentionShape {
  /** ceil(D/4). */
  readonly headVectors: number;
  /** Heads of queries that share a head of keys and values. */
  readonly group: number;
  /** A row sees keys up to its own position; otherwise all keys of its sentence. */
  readonly isCausal: boolean;
  /** Whether scores are capped. */
  readonly isCapped: boolean;
}

export interface AttentionOptions extends AttentionShape {
  /** Consecutive tokens of a sentence whose keys and values lie in consecutive rows. A multiple of 4. */
  readonly pageTokens: number;
  /** How keys and values are stored. Those of an arena are float32. */
  readonly keyValues: CacheFormat;
}

/** The most rows of a sentence one entry of the block table may hold. */
export const QUERY_BLOCK_ROWS = 4;

/**
 * Keys of a block: sums over keys are formed block by block. 64, as measured on software adapters and by compiling for GPUs: 32
 * doubles what a split attention writes in between, 128 halves its workgroups and the rows of a tile. See BENCHMARKS.md.
 */
export const KEY_BLOCK = 64;

export type AttentionBinding = "Q" | "KV" | "rowInfo" | "pageTable" | "blockTable" | "A";
export type AttentionParam = "firstEntry" | "blockCount" | "heads" | "scale" | "window" | "cap" | "keyBlocks";

/** The parameters of every kernel of attention, forward and backward. See shaders/common/attention-params.wgsl. */
export const attentionParams = {
  firstEntry: "u32",
  blockCount: "u32",
  heads: "u32",
  scale: "f32",
  window: "u32",
  cap: "f32",
  keyBlocks: "u32",
} as const;
export const attentionFragments: readonly string[] = [vectors, paramsSource];
export const attentionInputFragments = (keyValues: CacheFormat): readonly string[] => [
  ...attentionFragments,
  keyValueFragment(keyValues),
  inputs,
];

/** The part of a definition that the kernels share that compute attention in one dispatch. */
export const attentionInterface = (
  keyValues: CacheFormat,
): Pick<KernelDefinition<AttentionBinding, AttentionParam>, "common" | "bindings" | "params"> => ({
  common: attentionInputFragments(keyValues),
  bindings: { Q: "read", KV: "read", rowInfo: "read", pageTable: "read", blockTable: "read", A: "readWrite" },
  params: attentionParams,
});

/** A dispatch of attention. Its bindings are some of AttentionBinding and "partials". */
export type AttentionStage = KernelVariant<string, AttentionParam>;

/** A way to compute attention. All of them give the same bits, and differ in where they are fast. */
export interface AttentionKernel {
  readonly name: string;
  readonly suits: SuitableRows;
  readonly isFor: AdapterKind;
  /** Whether partial results of blocks of keys go through a buffer, "partials". */
  readonly isSplit: boolean;
  needs(shape: AttentionShape): WorkgroupNeeds;
  /** Its dispatches, in order. All get the same parameters. */
  stages(options: AttentionOptions): readonly AttentionStage[];
}

/** The prelude's constants of all kernels, forward and backward. */
export const attentionShapeConstants = ({
  headVectors,
  group,
  isCausal,
  isCapped,
}: AttentionShape): Constants => ({
  HEAD_VECTORS: headVectors,
  GROUP: group,
  CAUSAL: isCausal,
  CAPPED: isCapped,
  KEY_BLOCK,
});

/** The prelude's constants of forward kernels. */
export const attentionConstants = (options: AttentionOptions): Constants => ({
  ...attentionShapeConstants(options),
  PAGE_TOKENS: options.pageTokens,
  ...keyValueConstants(options.keyValues),
});

/** How many heads a workgroup computes together, because they share their keys: a divisor of the group, at most 8. */
export function sharedHeads({ group }: Pick<AttentionShape, "group">): number {
  let heads = Math.min(8, group);
  while (group % heads !== 0) heads--;
  return heads;
}
