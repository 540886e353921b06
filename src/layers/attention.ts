// Attention of blocks of queries over the keys and values of their sentences, and the gradients of all three.
import type { AttentionStep } from "../families/recipe.js";
import type { GpuBuffer } from "../gpu/buffer.js";
import { TABLES, type CommandList, type TableRange } from "../gpu/command-list.js";
import type { Pipeline, PipelineOf } from "../gpu/pipelines.js";
import type {
  attentionBackwardKeyValueVariant,
  attentionBackwardQueryVariant,
} from "../kernels/attention/backward.js";
import type { AttentionOptions, AttentionParam } from "../kernels/attention/attention.js";
import { keyBlocksOf, partialBytes } from "../kernels/attention/split.js";
import { pickForRows, type ByRows } from "../kernels/by-rows.js";
import type { CacheFormat } from "../tensor/formats.js";

/** The dispatches of a kernel of attention, in order. */
export interface AttentionPipeline {
  readonly stages: readonly Pipeline<string, AttentionParam>[];
  readonly isSplit: boolean;
}

export type AttentionPipelines = ByRows<AttentionPipeline>;

/** What the kernels of a step are compiled for, in a model of this shape. */
export const attentionOptionsOf = (
  { headVectors, group, pageTokens }: Pick<AttentionOptions, "headVectors" | "group" | "pageTokens">,
  { causal, cap }: AttentionStep,
  keyValues: CacheFormat = "f32",
): AttentionOptions => ({
  headVectors,
  group,
  pageTokens,
  isCausal: causal,
  isCapped: cap !== undefined,
  keyValues,
});

/** The part of a call that forward and backward have in common. */
interface AttentionCall {
  readonly Q: GpuBuffer;
  readonly KV: GpuBuffer;
  readonly rowInfo: GpuBuffer;
  readonly blocks: TableRange;
  readonly heads: number;
  readonly step: AttentionStep;
}

export interface AttentionForward extends AttentionCall {
  readonly pageTable: GpuBuffer;
  readonly A: GpuBuffer;
  readonly split: SplitRoom;
}

/** What attention that is split over keys needs to know, and a place for the partial results. */
export interface SplitRoom {
  /** The most keys that any of the rows sees. */
  readonly mostKeys: number;
  readonly headVectors: number;
  /** Returns a buffer of at least this size. */
  room(sizeBytes: number): GpuBuffer;
}

/** Partial results of more bytes than this are not worth their memory. */
const MOST_PARTIAL_BYTES = 32 * 2 ** 20;

export function attentionForward(
  list: CommandList,
  pipelines: AttentionPipelines,
  call: AttentionForward,
): void {
  const { Q, KV, rowInfo, pageTable, A, blocks, heads, step, split } = call;
  const keyBlocks = keyBlocksOf(split.mostKeys, step.window);
  const { headVectors } = split;
  const sizeBytes = partialBytes({ blockCount: blocks.count, heads, headVectors, keyBlocks });
  const suited = pickForRows(pipelines, blocks.count);
  const { stages, isSplit } = suited.isSplit && sizeBytes > MOST_PARTIAL_BYTES ? pipelines.many : suited;
  const bindings = {
    Q,
    KV,
    rowInfo,
    pageTable,
    A,
    blockTable: TABLES,
    ...(isSplit ? { partials: split.room(sizeBytes) } : {}),
  } as const;
  const params = attentionParamsOf(call, keyBlocks);
  for (const pipeline of stages) list.dispatch(pipeline, bindings, params);
}

export interface AttentionBackwardPipelines {
  readonly attentionQuery: PipelineOf<typeof attentionBackwardQueryVariant>;
  readonly attentionKeyValue: PipelineOf<typeof attentionBackwardKeyValueVariant>;
}

export interface AttentionBackward extends AttentionCall {
  readonly A: GpuBuffer;
  readonly dA: GpuBuffer;
  readonly dQ: GpuBuffer;
  readonly dKV: GpuBuffer;
  /** Log-sum-exp and δ of each row and head. The first dispatch writes them, the second reads them. */
  readonly stats: GpuBuffer;
}

/** Takes whole sentences only, because a key's gradient is a sum over all queries that see it. */
export function attentionBackward(
  list: CommandList,
  pipelines: AttentionBackwardPipelines,
  call: AttentionBackward,
): void {
  const { Q, KV, A, dA, rowInfo, dQ, dKV, stats } = call;
  const shared = { Q, KV, dA, rowInfo, blockTable: TABLES, stats } as const;
  list.dispatch(pipelines.attentionQuery, { ...shared, A, dQ }, attentionParamsOf(call));
  list.dispatch(pipelines.attentionKeyValue, { ...shared, dKV }, attentionParamsOf(call));
}

/** The parameters of all kernels of a step. */
export function attentionParamsOf(
  { blocks, heads, step }: Pick<AttentionCall, "blocks" | "heads" | "step">,
  keyBlocks: number = 0,
): Record<AttentionParam, number> {
  return {
    firstEntry: blocks.firstEntry,
    blockCount: blocks.count,
    heads,
    scale: step.scale,
    window: step.window ?? 0,
    cap: step.cap ?? 0,
    keyBlocks,
  };
}
