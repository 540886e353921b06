// Norms of rows, and the gradients of their inputs and weights.
import type { GpuBuffer } from "../gpu/buffer.js";
import { TABLES, type CommandList, type TableRange } from "../gpu/command-list.js";
import type { PipelineOf } from "../gpu/pipelines.js";
import { cutSlabs } from "../kernels/linear/weight-slabs.js";
import type {
  layerNormBackwardInputVariant,
  layerNormBackwardWeightVariant,
} from "../kernels/norm/layer-norm-backward.js";
import type { LayerNormParam, layerNormVariant } from "../kernels/norm/layer-norm.js";
import { addSlabs, type LinearBackwardPipelines } from "./linear.js";
import type { NormWeights, PartialSums } from "./weights.js";

export type NormPipeline = PipelineOf<typeof layerNormVariant>;

export interface NormForward {
  readonly X: GpuBuffer;
  readonly weights: NormWeights;
  readonly Y: GpuBuffer;
  readonly rows: TableRange;
  readonly epsilon: number;
}

export function normForward(list: CommandList, pipeline: NormPipeline, call: NormForward): void {
  const { X, weights, Y } = call;
  list.dispatch(pipeline, { X, gain: weights.gain, bias: weights.bias, rowTable: TABLES, Y }, paramsOf(call));
}

export interface NormBackwardPipelines extends Pick<LinearBackwardPipelines, "weightSum"> {
  readonly normInput: PipelineOf<typeof layerNormBackwardInputVariant>;
  readonly normWeight: PipelineOf<typeof layerNormBackwardWeightVariant>;
}

export interface NormBackwardInput extends Omit<NormForward, "Y"> {
  readonly dY: GpuBuffer;
  /** The gradient to add to. */
  readonly dX: GpuBuffer;
  /** Receives mean and scale of each row, for `normBackwardWeight`. */
  readonly stats: GpuBuffer;
}

export function normBackwardInput(
  list: CommandList,
  { normInput }: NormBackwardPipelines,
  call: NormBackwardInput,
): void {
  const { X, dY, weights, dX, stats } = call;
  list.dispatch(normInput, { X, dY, gain: weights.gain, rowTable: TABLES, dX, stats }, paramsOf(call));
}

export interface NormBackwardWeight {
  readonly X: GpuBuffer;
  readonly dY: GpuBuffer;
  readonly stats: GpuBuffer;
  /** The gradients of gain and bias to add to. */
  readonly to: NormWeights;
  readonly rows: TableRange;
  readonly partials: PartialSums;
}

/** Adds the gradients of a norm's gain and bias over all `rows`. */
export function normBackwardWeight(
  list: CommandList,
  pipelines: NormBackwardPipelines,
  { X, dY, stats, to, rows, partials }: NormBackwardWeight,
): void {
  const { channelVectors } = to;
  const slabs = cutSlabs(rows.count, channelVectors);
  const isCut = slabs.count > 1;
  list.dispatch(
    pipelines.normWeight,
    {
      X,
      dY,
      stats,
      rowTable: TABLES,
      dGain: isCut ? partials.weight : to.gain,
      dBias: isCut ? partials.bias : to.bias,
    },
    {
      firstEntry: rows.firstEntry,
      rowCount: rows.count,
      channelVectors,
      slabRows: slabs.rows,
      addToOutput: isCut ? 0 : 1,
    },
  );
  if (isCut) addSlabs(list, pipelines, { partials, dW: to.gain, db: to.bias, slabs });
}

function paramsOf({
  weights,
  rows,
  epsilon,
}: Pick<NormForward, "weights" | "rows" | "epsilon">): Record<LayerNormParam, number> {
  return {
    firstEntry: rows.firstEntry,
    rowCount: rows.count,
    channels: weights.channels,
    channelVectors: weights.channelVectors,
    epsilon,
  };
}
