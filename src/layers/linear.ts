// Linear layers: Y = activation(X·W + b) (+ Y), or what of the same product an MLP or attention reads, and the gradients of their
// inputs and weights. Each is one dispatch, except that a second one adds the sums of a weight's gradient if the rows are cut into
// slabs.
import type { Rotation } from "../families/model-config.js";
import type { GpuBuffer } from "../gpu/buffer.js";
import { TABLES, type CommandList, type TableRange } from "../gpu/command-list.js";
import type { KernelVariant } from "../gpu/kernel.js";
import type { PipelineOf } from "../gpu/pipelines.js";
import { areFew, pickForRows, type ByRows } from "../kernels/by-rows.js";
import type { linearBackwardInputVariant, linearBackwardWeightVariant } from "../kernels/linear/backward.js";
import { GradientFlag, weightOwners, type LinearBackwardParam } from "../kernels/linear/gradient.js";
import type { LinearInput, NormInput } from "../kernels/linear/linear.js";
import {
  LinearFlag,
  type AttentionInputParam,
  type LinearParam,
  type LinearSharedParam,
} from "../kernels/linear/output.js";
import { cutSlabs, type Slabs } from "../kernels/linear/weight-slabs.js";
import type { weightSumVariant } from "../kernels/linear/weight-sum.js";
import { invariant } from "../util/invariant.js";
import { turnedVectorsOf } from "./rotary.js";
import type { LinearWeights, NormWeights, PartialSums } from "./weights.js";

/** The pipelines of a product. `normed`: for few rows that are normalised first, by `InputNormKey`, where its kernel can do so. */
interface ProductPipelines<B extends string, P extends string> extends ByRows<
  PipelineOf<KernelVariant<LinearInput | B, P>>
> {
  readonly normed?: ReadonlyMap<InputNormKey, PipelineOf<KernelVariant<LinearInput | NormInput | B, P>>>;
}

export type LinearPipelines = ProductPipelines<"Y", LinearParam>;
export type GatedPipelines = ProductPipelines<"Y", LinearSharedParam>;
export type AttentionInputPipelines = ProductPipelines<"angles" | "Q" | "KV", AttentionInputParam>;

/** Tells norms of one model apart. */
export type InputNormKey = string;

interface LinearCall {
  readonly X: GpuBuffer;
  readonly weights: LinearWeights;
  readonly rows: TableRange;
  /** The norm of X that the product reads. For few rows only. */
  readonly norm?: { readonly key: InputNormKey; readonly weights: NormWeights } | undefined;
}

export interface LinearForward extends LinearCall {
  readonly Y: GpuBuffer;
  readonly activates?: boolean;
  readonly adds?: boolean;
  /** What is added is multiplied by it. Default: 1. */
  readonly factor?: number;
  /** The width of a row of Y, if the outputs are not all of it. */
  readonly outputStride?: number;
  /** Row i of the table goes to row i of Y, instead of to the row that the table lists. */
  readonly isCompact?: boolean;
}

export function linearForward(list: CommandList, pipelines: LinearPipelines, call: LinearForward): void {
  const { weights, rows } = call;
  dispatchProduct(
    list,
    pipelines,
    call,
    { Y: call.Y },
    {
      ...sharedParamsOf(call),
      outputStride: call.outputStride ?? weights.outputVectors,
      outputOffset: weights.firstVector,
      outputEntry: rows.firstEntry,
      flags:
        (call.activates ? LinearFlag.activate : 0) |
        (call.adds ? LinearFlag.addToOutput : 0) |
        (call.isCompact ? LinearFlag.compactOutput : 0),
      factor: call.factor ?? 1,
    },
  );
}

/** The gated product of an MLP, from the product whose columns are pairs of a gate and its up. */
export function gatedForward(
  list: CommandList,
  pipelines: GatedPipelines,
  call: LinearCall & { readonly Y: GpuBuffer },
): void {
  dispatchProduct(list, pipelines, call, { Y: call.Y }, sharedParamsOf(call));
}

/** Widths are in vec4s. */
export interface AttentionInputs extends LinearCall {
  readonly Q: GpuBuffer;
  readonly KV: GpuBuffer;
  /** Undefined: nothing is turned. */
  readonly rotation: Rotation | undefined;
  readonly angles: GpuBuffer | undefined;
  /** The first entries of the rows' positions, and of the rows of KV. */
  readonly positionEntry: number;
  readonly slotEntry: number;
  readonly headVectors: number;
  readonly queryVectors: number;
  readonly keyVectors: number;
}

/** Queries, keys and values, stored where attention reads them, with their positions. */
export function attentionInputs(
  list: CommandList,
  pipelines: AttentionInputPipelines,
  call: AttentionInputs,
): void {
  const { X, Q, KV, rotation, angles } = call;
  const { positionEntry, slotEntry, headVectors, queryVectors, keyVectors } = call;
  dispatchProduct(
    list,
    pipelines,
    call,
    { angles: angles ?? X, Q, KV },
    {
      ...sharedParamsOf(call),
      outputOffset: call.weights.firstVector,
      slotEntry,
      positionEntry,
      headVectors,
      turnedVectors: turnedVectorsOf(rotation),
      queryVectors,
      keyVectors,
    },
  );
}

function dispatchProduct<B extends string, P extends string>(
  list: CommandList,
  pipelines: ProductPipelines<B, P>,
  call: LinearCall,
  outputs: Readonly<Record<B, GpuBuffer>>,
  params: Readonly<Record<P, number>>,
): void {
  const { norm, rows } = call;
  const bindings = { ...inputsOf(call), ...outputs };
  if (!norm) {
    list.dispatch(pickForRows(pipelines, rows.count), bindings, params);
    return;
  }
  const pipeline = pipelines.normed?.get(norm.key);
  invariant(pipeline && areFew(rows.count), `no kernel was compiled that normalises ${rows.count} rows`);
  list.dispatch(pipeline, { ...bindings, gain: norm.weights.gain, normBias: norm.weights.bias }, params);
}

const inputsOf = ({ X, weights }: LinearCall): Record<LinearInput, GpuBuffer | typeof TABLES> => ({
  X,
  W: weights.weight,
  bias: weights.bias,
  rowTable: TABLES,
  scales: weights.scales ?? weights.bias,
});

const sharedParamsOf = ({ weights, rows }: LinearCall): Record<LinearSharedParam, number> => ({
  firstEntry: rows.firstEntry,
  rowCount: rows.count,
  inputVectors: weights.inputVectors,
  outputVectors: weights.outputVectors,
});

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
