// The rows that token ids and positions look up, and the gradients of the tables they are looked up in.
import type { GpuBuffer } from "../gpu/buffer.js";
import { TABLES, type CommandList, type TableRange } from "../gpu/command-list.js";
import type { PipelineOf } from "../gpu/pipelines.js";
import type { embeddingBackwardVariant } from "../kernels/embedding/backward.js";
import type { embeddingVariant } from "../kernels/embedding/embedding.js";
import type { EmbeddingWeights } from "./weights.js";

export type EmbeddingPipeline = PipelineOf<typeof embeddingVariant>;

export interface EmbeddingForward {
  readonly weights: EmbeddingWeights;
  readonly rowInfo: GpuBuffer;
  /** The newest token of each sequence, for rows whose token the host does not know. */
  readonly sampled?: GpuBuffer | undefined;
  readonly X: GpuBuffer;
  readonly rows: TableRange;
  /** What the row of a token is multiplied by. */
  readonly scale: number;
  /** The row of the learned positions that the first token of a sentence has. */
  readonly firstPosition?: number | undefined;
}

/** Adds a dispatch per shard. Each writes the rows whose token is in its shard. */
export function embeddingForward(
  list: CommandList,
  pipeline: EmbeddingPipeline,
  { weights, rowInfo, sampled, X, rows, scale, firstPosition = 0 }: EmbeddingForward,
): void {
  for (const shard of weights.tokens)
    list.dispatch(
      pipeline,
      {
        W: shard.weight,
        scales: shard.scales ?? TABLES,
        // Pipelines of models without such tables do not read them.
        positionEmbedding: weights.positions ?? shard.weight,
        typeEmbedding: weights.tokenTypes ?? shard.weight,
        rowInfo,
        rowTable: TABLES,
        sampled: sampled ?? TABLES,
        X,
      },
      {
        firstEntry: rows.firstEntry,
        rowCount: rows.count,
        channelVectors: weights.channelVectors,
        firstToken: shard.firstToken,
        tokenCount: shard.tokenCount,
        shardStride: shard.stride,
        scale,
        firstPosition,
      },
    );
}

/** Buckets of rows that looked up the same id, in the tables. */
export interface BucketRange {
  readonly firstBucket: number;
  readonly count: number;
}

export interface EmbeddingBackward {
  readonly dX: GpuBuffer;
  /** The gradients to add to. */
  readonly to: EmbeddingWeights;
  /** Buckets by token, for each shard. */
  readonly tokens: readonly BucketRange[];
  readonly positions: BucketRange;
  readonly scale: number;
}

export function embeddingBackward(
  list: CommandList,
  pipeline: PipelineOf<typeof embeddingBackwardVariant>,
  { dX, to, tokens, positions, scale }: EmbeddingBackward,
): void {
  const { channelVectors } = to;
  const add = (
    dE: GpuBuffer,
    buckets: BucketRange,
    idStride: number,
    vectorStride: number,
    own: number,
  ): void =>
    list.dispatch(
      pipeline,
      { dX, tables: TABLES, dE },
      {
        firstBucket: buckets.firstBucket,
        bucketCount: buckets.count,
        channelVectors,
        idStride,
        vectorStride,
        scale: own,
      },
    );
  for (const [index, shard] of to.tokens.entries()) add(shard.weight, tokens[index]!, 1, shard.stride, scale);
  if (to.positions) add(to.positions, positions, channelVectors, 1, 1);
}
