// The head: logits of rows, shard by shard, log-probabilities of tokens, and the gradients of a loss. Rows of logits are compact:
// row i of a table has row i of the logits, padded to a multiple of 4.
import type { GpuBuffer } from "../gpu/buffer.js";
import { TABLES, type CommandList, type TableRange } from "../gpu/command-list.js";
import type { Pipeline, PipelineOf } from "../gpu/pipelines.js";
import { pickForRows } from "../kernels/by-rows.js";
import { GradientFlag, type LinearBackwardParam } from "../kernels/linear/gradient.js";
import { LinearFlag } from "../kernels/linear/output.js";
import type { adjustLogitsVariant } from "../kernels/loss/adjust-logits.js";
import type { crossEntropyVariant } from "../kernels/loss/cross-entropy.js";
import type { LogProbabilityParam } from "../kernels/loss/log-probability.js";
import type { LinearBackwardPipelines, LinearPipelines } from "./linear.js";
import type { HeadShard } from "./weights.js";

/** V, and a row of logits in vec4s: ceil(V/4). */
export interface VocabularySize {
  readonly vocabulary: number;
  readonly vocabularyVectors: number;
}

/** What becomes of a product of the head: scale · z, then if there is a cap, cap · tanh(z / cap). */
export interface LogitShape {
  readonly scale?: number | undefined;
  readonly cap?: number | undefined;
}

export interface HeadForward {
  readonly X: GpuBuffer;
  readonly shards: readonly HeadShard[];
  readonly logits: GpuBuffer;
  readonly rows: TableRange;
  readonly size: VocabularySize;
}

export function headForward(list: CommandList, pipelines: LinearPipelines, call: HeadForward): void {
  const { X, shards, logits, rows, size } = call;
  for (const shard of shards)
    list.dispatch(
      pickForRows(pipelines, rows.count),
      {
        X,
        W: shard.weight,
        bias: shard.bias,
        rowTable: TABLES,
        scales: shard.scales ?? shard.bias,
        Y: logits,
      },
      {
        firstEntry: rows.firstEntry,
        rowCount: rows.count,
        inputVectors: shard.inputVectors,
        outputVectors: shard.outputVectors,
        outputStride: size.vocabularyVectors,
        outputOffset: shard.firstToken / 4,
        outputEntry: 0,
        flags: LinearFlag.compactOutput,
        factor: 1,
      },
    );
}

/** Scales and caps rows 0…rowCount−1 of logits in place, if the model does. */
export function adjustLogits(
  list: CommandList,
  pipeline: PipelineOf<typeof adjustLogitsVariant> | undefined,
  call: { readonly logits: GpuBuffer; readonly rowCount: number; readonly size: VocabularySize } & LogitShape,
): void {
  const { logits, rowCount, size, scale = 1, cap = 0 } = call;
  if (!pipeline) return;
  list.dispatch(pipeline, { logits }, { rowCount, vectors: size.vocabularyVectors, scale, cap });
}

/** The dispatches of log-probabilities, in order. */
export type LogProbabilityPipeline = readonly Pipeline<string, LogProbabilityParam>[];

/** Log-probability of the token in entry targets.firstEntry + i of the tables under row i, into output[i]. */
export function logProbability(
  list: CommandList,
  stages: LogProbabilityPipeline,
  call: {
    readonly logits: GpuBuffer;
    readonly targets: TableRange;
    readonly partials: GpuBuffer;
    readonly output: GpuBuffer;
    readonly size: VocabularySize;
  },
): void {
  const { logits, targets, partials, output, size } = call;
  const params = {
    rowCount: targets.count,
    vocabulary: size.vocabulary,
    rowStride: 4 * size.vocabularyVectors,
    firstTarget: targets.firstEntry,
  };
  for (const stage of stages)
    list.dispatch(stage, { logits, targets: TABLES, partials, logProbability: output }, params);
}

/** Cross-entropy of a target per row, and its gradient in place of the logits. */
export function crossEntropyBackward(
  list: CommandList,
  pipeline: PipelineOf<ReturnType<typeof crossEntropyVariant>>,
  call: {
    readonly logits: GpuBuffer;
    readonly loss: GpuBuffer;
    readonly rowCount: number;
    /** First word of the targets in the tables, and place of the first row's loss. */
    readonly firstTarget: number;
    readonly firstLoss: number;
    /** The gradient is multiplied by this: 1 over the number of targets of the whole batch. */
    readonly scale: number;
    readonly size: VocabularySize;
    /** What was done to the logits, so that the gradient is that of the head's product. */
    readonly shape: LogitShape;
  },
): void {
  const { logits, loss, size, shape, rowCount, firstTarget, firstLoss, scale } = call;
  list.dispatch(
    pipeline,
    { targets: TABLES, logits, loss },
    {
      rowCount,
      vocabulary: size.vocabulary,
      rowStride: 4 * size.vocabularyVectors,
      firstTarget,
      firstLoss,
      scale,
      logitScale: shape.scale ?? 1,
      cap: shape.cap ?? 0,
    },
  );
}

export interface HeadBackward {
  readonly dLogits: GpuBuffer;
  readonly X: GpuBuffer;
  readonly rows: TableRange;
  readonly size: VocabularySize;
}

/** Forms dX of the rows. Shards are added in order. */
export function headBackwardInput(
  list: CommandList,
  { input }: LinearBackwardPipelines,
  call: HeadBackward & { readonly shards: readonly HeadShard[]; readonly dX: GpuBuffer },
): void {
  const { dLogits, X, shards, dX, rows, size } = call;
  for (const [index, shard] of shards.entries())
    list.dispatch(
      input,
      { dY: dLogits, W: shard.weight, P: X, rowTable: TABLES, dX },
      paramsOf(rows, shard, size, index === 0 ? 0 : GradientFlag.addToOutput),
    );
}

/** Adds the gradients of the head's weight and bias over the rows, which are too few to cut into slabs. */
export function headBackwardWeight(
  list: CommandList,
  { weight }: LinearBackwardPipelines,
  call: HeadBackward & { readonly to: readonly HeadShard[] },
): void {
  const { dLogits, X, to, rows, size } = call;
  for (const shard of to)
    list.dispatch(
      weight,
      { X, dY: dLogits, rowTable: TABLES, dW: shard.weight, db: shard.bias },
      { ...paramsOf(rows, shard, size, GradientFlag.addToOutput), slabRows: rows.count },
    );
}

function paramsOf(
  rows: TableRange,
  shard: HeadShard,
  size: VocabularySize,
  flags: number,
): Record<LinearBackwardParam, number> {
  return {
    firstEntry: rows.firstEntry,
    rowCount: rows.count,
    inputVectors: shard.inputVectors,
    outputVectors: shard.outputVectors,
    gradientStride: size.vocabularyVectors,
    gradientOffset: shard.firstToken / 4,
    outputEntry: 0,
    flags: flags | GradientFlag.compactGradient,
  };
}
