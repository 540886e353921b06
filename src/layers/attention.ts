// Attention of blocks of queries over the keys and values of their sentences, and the gradients of all three.
import type { GpuBuffer } from "../gpu/buffer.js";
import { TABLES, type CommandList, type TableRange } from "../gpu/command-list.js";
import type { Pipeline, PipelineOf } from "../gpu/pipelines.js";
import type {
  attentionBackwardKeyValueVariant,
  attentionBackwardQueryVariant,
} from "../kernels/attention/backward.js";
import type { AttentionBinding, AttentionParam } from "../kernels/attention/attention.js";
import { pickForRows, type ByRows } from "../kernels/by-rows.js";

export type AttentionPipelines = ByRows<Pipeline<AttentionBinding, AttentionParam>>;

/** The part of a call that forward and backward have in common. */
interface AttentionCall {
  readonly Q: GpuBuffer;
  readonly KV: GpuBuffer;
  readonly rowInfo: GpuBuffer;
  readonly blocks: TableRange;
  readonly heads: number;
  readonly scale: number;
}

export interface AttentionForward extends AttentionCall {
  readonly pageTable: GpuBuffer;
  readonly A: GpuBuffer;
}

export function attentionForward(
  list: CommandList,
  pipelines: AttentionPipelines,
  call: AttentionForward,
): void {
  const { Q, KV, rowInfo, pageTable, A, blocks } = call;
  list.dispatch(
    pickForRows(pipelines, blocks.count),
    { Q, KV, rowInfo, pageTable, blockTable: TABLES, A },
    paramsOf(call),
  );
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
  list.dispatch(pipelines.attentionQuery, { ...shared, A, dQ }, paramsOf(call));
  list.dispatch(pipelines.attentionKeyValue, { ...shared, dKV }, paramsOf(call));
}

function paramsOf({ blocks, heads, scale }: AttentionCall): Record<AttentionParam, number> {
  return { firstEntry: blocks.firstEntry, blockCount: blocks.count, heads, scale };
}
