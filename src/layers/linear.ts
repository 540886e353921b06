// Linear layers: Y = activation(X·W + b) (+ Y), and the gradients of their inputs and weights. Each is one dispatch, except that
// a second one adds the sums of a weight's gradient if the rows are cut into slabs.
import type { GpuBuffer } from "../gpu/buffer.js";
import { TABLES, type CommandList, type TableRange } from "../gpu/command-list.js";
import type { Pipeline, PipelineOf } from "../gpu/pipelines.js";
import { pickForRows, type ByRows } from "../kernels/by-rows.js";
import type { linearBackwardInputVariant, linearBackwardWeightVariant } from "../kernels/linear/backward.js";
import { GradientFlag, weightOwners, type LinearBackwardParam } from "../kernels/linear/gradient.js";
import { LinearFlag, type LinearBinding, type LinearParam } from "../kernels/linear/linear.js";
import { cutSlabs, type Slabs } from "../kernels/linear/weight-slabs.js";
import type { weightSumVariant } from "../kernels/linear/weight-sum.js";
import type { LinearWeights, PartialSums } from "./weights.js";

export type LinearPipelines = ByRows<Pipeline<LinearBinding, LinearParam>>;

export interface LinearForward {
  readonly X: GpuBuffer;
  readonly weights: LinearWeights;
  readonly Y: GpuBuffer;
  readonly rows: TableRange;
  readonly activates?: boolean;
  readonly adds?: boolean;
  /** The first entry of the rows of Y, if they are not the rows of X. */
  readonly outputEntry?: number;
}

export function linearForward(list: CommandList, pipelines: LinearPipelines, call: LinearForward): void {
  const { X, weights, Y, rows } = call;
  list.dispatch(
    pickForRows(pipelines, rows.count),
    { X, W: weights.weight, bias: weights.bias, rowTable: TABLES, scales: weights.scales ?? weights.bias, Y },
    {
      firstEntry: rows.firstEntry,
      rowCount: rows.count,
      inputVectors: weights.inputVectors,
      outputVectors: weights.outputVectors,
      outputStride: weights.outputVectors,
      outputOffset: 0,
      outputEntry: call.outputEntry ?? rows.firstEntry,
      flags: (call.activates ? LinearFlag.activate : 0) | (call.adds ? LinearFlag.addToOutput : 0),
    },
  );
}

export interface LinearBackwardPipelines {
  readonly input: PipelineOf<typeof linearBackwardInputVariant>;
  readonly weight: PipelineOf<typeof linearBackwardWeightVariant>;
  readonly weightSum: PipelineOf<typeof weightSumVariant>;
}

export interface LinearBackwardInput {
  readonly dY: GpuBuffer;
  readonly weights: LinearWeights;
  readonly dX: GpuBuffer;
  readonly rows: TableRange;
  /** If X came out of the activation, what went into it. The gradient of that is formed, instead of that of X. */
  readonly preActivation?: GpuBuffer | undefined;
  readonly adds?: boolean;
}

export function linearBackwardInput(
  list: CommandList,
  { input }: LinearBackwardPipelines,
  call: LinearBackwardInput,
): void {
  const { dY, weights, dX, rows, preActivation } = call;
  const flags =
    (preActivation ? GradientFlag.throughActivation : 0) | (call.adds ? GradientFlag.addToOutput : 0);
  list.dispatch(
    input,
    { dY, W: weights.weight, P: preActivation ?? dY, rowTable: TABLES, dX },
    paramsOf(weights, rows, flags),
  );
}

export interface LinearBackwardWeight {
  readonly X: GpuBuffer;
  readonly dY: GpuBuffer;
  /** The gradients of weight and bias to add to. */
  readonly to: LinearWeights;
  readonly rows: TableRange;
  readonly partials: PartialSums;
}

/** Adds the gradients of a linear layer's weight and bias over all `rows`. */
export function linearBackwardWeight(
  list: CommandList,
  pipelines: LinearBackwardPipelines,
  { X, dY, to, rows, partials }: LinearBackwardWeight,
): void {
  const slabs = cutSlabs(rows.count, weightOwners(to.inputVectors, to.outputVectors));
  const isCut = slabs.count > 1;
  const { weight, bias } = isCut ? partials : to;
  list.dispatch(
    pipelines.weight,
    { X, dY, rowTable: TABLES, dW: weight, db: bias },
    { ...paramsOf(to, rows, isCut ? 0 : GradientFlag.addToOutput), slabRows: slabs.rows },
  );
  if (isCut) addSlabs(list, pipelines, { partials, dW: to.weight, db: to.bias, slabs });
}

/** Adds the sums of all slabs, in order, to a weight's and a bias's gradient. */
export function addSlabs(
  list: CommandList,
  { weightSum }: Pick<LinearBackwardPipelines, "weightSum">,
  call: {
    readonly partials: PartialSums;
    readonly dW: GpuBuffer;
    readonly db: GpuBuffer;
    readonly slabs: Slabs;
  },
): void {
  const { partials, dW, db, slabs } = call;
  list.dispatch(
    weightSum,
    { partialW: partials.weight, partialB: partials.bias, dW, db },
    { weightVectors: dW.sizeBytes / 16, biasVectors: db.sizeBytes / 16, slabs: slabs.count },
  );
}

function paramsOf(
  weights: LinearWeights,
  rows: TableRange,
  flags: number,
): Record<LinearBackwardParam, number> {
  return {
    firstEntry: rows.firstEntry,
    rowCount: rows.count,
    inputVectors: weights.inputVectors,
    outputVectors: weights.outputVectors,
    gradientStride: weights.outputVectors,
    gradientOffset: 0,
    outputEntry: rows.firstEntry,
    flags,
  };
}
