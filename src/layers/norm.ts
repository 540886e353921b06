// Norms of rows, and the gradients of their inputs and weights.
import type { GpuBuffer } from "../gpu/buffer.js";
import { TABLES, type CommandList, type TableRange } from "../gpu/command-list.js";
import type { PipelineOf } from "../gpu/pipelines.js";
import { cutSlabs } from "../kernels/linear/weight-slabs.js";
import type { normBackwardInputVariant, normBackwardWeightVariant } from "../kernels/norm/backward.js";
import type { addedNormVariant } from "../kernels/norm/added-norm.js";
import type { NormMethod, NormParam, normVariant } from "../kernels/norm/norm.js";
import { invariant } from "../util/invariant.js";
import { addSlabs, type LinearBackwardPipelines } from "./linear.js";
import type { NormWeights, PartialSums } from "./weights.js";

/** The pipelines of norms, by `normKey`. */
export type NormPipelines = ReadonlyMap<string, PipelineOf<ReturnType<typeof normVariant>>>;

/** Which pipeline computes norms of this method over this many vec4s. */
export const normKey = (method: NormMethod, vectors: number): string => `${method} ${vectors}`;

/** The part of a call that forward and backward have in common. Norms are over whole rows, or over each of `normsPerRow` heads. */
export interface NormCall {
  readonly X: GpuBuffer;
  readonly weights: NormWeights;
  readonly rows: TableRange;
  readonly method: NormMethod;
  readonly normsPerRow: number;
  /** Row strides in vec4s. */
  readonly inputVectors: number;
  readonly outputVectors: number;
  /** Where the first norm of a row of X begins, in vec4s. */
  readonly inputOffset: number;
  readonly epsilon: number;
  /** 1 where files hold the gain minus 1. */
  readonly gainOffset: number;
}

export interface NormForward extends NormCall {
  readonly Y: GpuBuffer;
  readonly adds: boolean;
}

export function normForward(list: CommandList, pipelines: NormPipelines, call: NormForward): void {
  const { X, weights, Y } = call;
  list.dispatch(
    pipelineFor(pipelines, call),
    { X, gain: weights.gain, bias: weights.bias, rowTable: TABLES, Y },
    paramsOf(call),
  );
}

/** The pipelines of norms that are added, by the vec4s of a row. */
export type AddedNormPipelines = ReadonlyMap<number, PipelineOf<ReturnType<typeof addedNormVariant>>>;

/** Y += norm(X), then Z = norm(Y), both by the mean square and without biases. */
export function addedNormForward(
  list: CommandList,
  pipelines: AddedNormPipelines,
  call: {
    readonly X: GpuBuffer;
    readonly Y: GpuBuffer;
    readonly Z: GpuBuffer;
    readonly weights: NormWeights;
    readonly nextWeights: NormWeights;
    readonly rows: TableRange;
    readonly epsilon: number;
    readonly gainOffset: number;
    readonly nextGainOffset: number;
  },
): void {
  const { X, Y, Z, weights, nextWeights, rows, epsilon, gainOffset, nextGainOffset } = call;
  const { width, vectors } = weights;
  const pipeline = pipelines.get(vectors);
  invariant(pipeline, `no kernel was compiled for norms of ${width} numbers that are added`);
  list.dispatch(
    pipeline,
    { X, gain: weights.gain, nextGain: nextWeights.gain, bias: weights.bias, rowTable: TABLES, Y, Z },
    {
      firstEntry: rows.firstEntry,
      rowCount: rows.count,
      width,
      vectors,
      epsilon,
      gainOffset,
      nextGainOffset,
    },
  );
}

export interface NormBackwardPipelines extends Pick<LinearBackwardPipelines, "weightSum"> {
  readonly normInput: ReadonlyMap<string, PipelineOf<ReturnType<typeof normBackwardInputVariant>>>;
  readonly normWeight: PipelineOf<typeof normBackwardWeightVariant>;
}

export interface NormBackwardInput extends NormCall {
  readonly dY: GpuBuffer;
  readonly dX: GpuBuffer;
  readonly adds: boolean;
  /** Receives mean and scale of each row, for `normBackwardWeight`. */
  readonly stats: GpuBuffer;
}

export function normBackwardInput(
  list: CommandList,
  { normInput }: NormBackwardPipelines,
  call: NormBackwardInput,
): void {
  const { X, dY, weights, dX, stats } = call;
  list.dispatch(
    pipelineFor(normInput, call),
    { X, dY, gain: weights.gain, rowTable: TABLES, dX, stats },
    paramsOf(call),
  );
}

export interface NormBackwardWeight extends Pick<
  NormCall,
  "X" | "rows" | "normsPerRow" | "inputVectors" | "inputOffset" | "outputVectors"
> {
  readonly dY: GpuBuffer;
  readonly stats: GpuBuffer;
  /** The gradients of gain and bias to add to. */
  readonly to: NormWeights;
  readonly partials: PartialSums;
}

/** Adds the gradients of a norm's gain and bias over all `rows`. */
export function normBackwardWeight(
  list: CommandList,
  pipelines: NormBackwardPipelines,
  call: NormBackwardWeight,
): void {
  const { X, dY, stats, to, rows, partials, normsPerRow, inputVectors, inputOffset, outputVectors } = call;
  const normCount = rows.count * normsPerRow;
  const slabs = cutSlabs(normCount, to.vectors);
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
      normCount,
      normsPerRow,
      vectors: to.vectors,
      inputStride: inputVectors,
      inputOffset,
      outputStride: outputVectors,
      slabNorms: slabs.rows,
      addToOutput: isCut ? 0 : 1,
    },
  );
  if (isCut) addSlabs(list, pipelines, { partials, dW: to.gain, db: to.bias, slabs });
}

function pipelineFor<P>(pipelines: ReadonlyMap<string, P>, { method, weights }: NormCall): P {
  const pipeline = pipelines.get(normKey(method, weights.vectors));
  invariant(pipeline, `no kernel was compiled for ${method} norms of ${weights.width} numbers`);
  return pipeline;
}

function paramsOf(call: NormCall & { readonly adds: boolean }): Record<NormParam, number> {
  const { weights, rows, normsPerRow, inputVectors, inputOffset, outputVectors, epsilon, gainOffset, adds } =
    call;
  return {
    firstEntry: rows.firstEntry,
    rowCount: rows.count,
    normsPerRow,
    width: weights.width,
    vectors: weights.vectors,
    inputStride: inputVectors,
    inputOffset,
    outputStride: outputVectors,
    epsilon,
    gainOffset,
    addToOutput: adds ? 1 : 0,
  };
}
