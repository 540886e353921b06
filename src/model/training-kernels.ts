// The kernels of a training step with their parameters filled in from the model's sizes: one dispatch per method.
import type { GpuBuffer } from "../gpu/buffer.js";
import { TABLES, type CommandList } from "../gpu/command-list.js";
import { GradientFlag, weightOwners, type LinearBackwardParam } from "../kernels/linear/backward.js";
import { cutSlabs, type Slabs } from "../kernels/linear/weight-slabs.js";
import type { ModelShape } from "./shape.js";
import type { TableRange } from "./gpt2-forward.js";
import type { LinearWeights, NormWeights } from "./gpt2-weights.js";
import { pickForRows } from "../tuning/presumed.js";
import type { PartialSums } from "./training-arena.js";
import type { TrainingPipelines } from "./training-pipelines.js";

/** Buckets of rows that looked up the same id, in the tables. */
export interface BucketRange {
  readonly firstBucket: number;
  readonly count: number;
}

export class TrainingKernels {
  readonly #dimensions: ModelShape;
  readonly #epsilon: number;
  readonly #pipelines: TrainingPipelines;

  constructor(dimensions: ModelShape, layerNormEpsilon: number, pipelines: TrainingPipelines) {
    this.#dimensions = dimensions;
    this.#epsilon = layerNormEpsilon;
    this.#pipelines = pipelines;
  }

  normalise(list: CommandList, X: GpuBuffer, norm: NormWeights, Y: GpuBuffer, rows: TableRange): void {
    list.dispatch(
      this.#pipelines.norm,
      { X, gain: norm.gain, bias: norm.bias, rowTable: TABLES, Y },
      this.#normParams(rows),
    );
  }

  normBackward(
    list: CommandList,
    X: GpuBuffer,
    dY: GpuBuffer,
    norm: NormWeights,
    dX: GpuBuffer,
    stats: GpuBuffer,
    rows: TableRange,
  ): void {
    list.dispatch(
      this.#pipelines.normInput,
      { X, dY, gain: norm.gain, rowTable: TABLES, dX, stats },
      this.#normParams(rows),
    );
  }

  /** Adds the gradients of a norm's gain and bias over all `rows`. */
  normWeight(
    list: CommandList,
    X: GpuBuffer,
    dY: GpuBuffer,
    stats: GpuBuffer,
    to: NormWeights,
    rows: TableRange,
    partials: PartialSums,
  ): void {
    const { channelVectors } = this.#dimensions;
    const slabs = cutSlabs(rows.count, channelVectors);
    const isCut = slabs.count > 1;
    list.dispatch(
      this.#pipelines.normWeight,
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
    if (isCut) this.#sum(list, partials, to.gain, to.bias, slabs);
  }

  #normParams(
    rows: TableRange,
  ): Record<"firstEntry" | "rowCount" | "channels" | "channelVectors" | "epsilon", number> {
    return {
      firstEntry: rows.firstEntry,
      rowCount: rows.count,
      channels: this.#dimensions.channels,
      channelVectors: this.#dimensions.channelVectors,
      epsilon: this.#epsilon,
    };
  }

  copyRows(list: CommandList, X: GpuBuffer, Y: GpuBuffer, rows: TableRange): void {
    list.dispatch(
      this.#pipelines.copyRows,
      { X, rowTable: TABLES, Y },
      { firstEntry: rows.firstEntry, rowCount: rows.count, vectors: this.#dimensions.channelVectors },
    );
  }

  linear(
    list: CommandList,
    flags: number,
    X: GpuBuffer,
    weights: LinearWeights,
    Y: GpuBuffer,
    rows: TableRange,
  ): void {
    list.dispatch(
      pickForRows(this.#pipelines.linear, rows.count),
      { X, W: weights.weight, bias: weights.bias, rowTable: TABLES, Y },
      {
        firstEntry: rows.firstEntry,
        rowCount: rows.count,
        inputVectors: weights.inputVectors,
        outputVectors: weights.outputVectors,
        outputStride: weights.outputVectors,
        outputOffset: 0,
        outputEntry: rows.firstEntry,
        flags,
      },
    );
  }

  input(
    list: CommandList,
    flags: number,
    dY: GpuBuffer,
    weights: LinearWeights,
    dX: GpuBuffer,
    rows: TableRange,
    P: GpuBuffer = dY,
  ): void {
    list.dispatch(
      this.#pipelines.input,
      { dY, W: weights.weight, P, rowTable: TABLES, dX },
      linearParams(weights, rows, flags),
    );
  }

  /** Adds the gradients of a linear layer's weight and bias over all `rows`. */
  weight(
    list: CommandList,
    X: GpuBuffer,
    dY: GpuBuffer,
    to: LinearWeights,
    rows: TableRange,
    partials: PartialSums,
  ): void {
    const slabs = cutSlabs(rows.count, weightOwners(to.inputVectors, to.outputVectors));
    const isCut = slabs.count > 1;
    list.dispatch(
      this.#pipelines.weight,
      {
        X,
        dY,
        rowTable: TABLES,
        dW: isCut ? partials.weight : to.weight,
        db: isCut ? partials.bias : to.bias,
      },
      { ...linearParams(to, rows, isCut ? 0 : GradientFlag.addToOutput), slabRows: slabs.rows },
    );
    if (isCut) this.#sum(list, partials, to.weight, to.bias, slabs);
  }

  #sum(list: CommandList, partials: PartialSums, dW: GpuBuffer, db: GpuBuffer, slabs: Slabs): void {
    list.dispatch(
      this.#pipelines.weightSum,
      { partialW: partials.weight, partialB: partials.bias, dW, db },
      { weightVectors: dW.sizeBytes / 16, biasVectors: db.sizeBytes / 16, slabs: slabs.count },
    );
  }

  embeddingGradient(
    list: CommandList,
    dX: GpuBuffer,
    dE: GpuBuffer,
    buckets: BucketRange,
    idStride: number,
    channelStride: number,
  ): void {
    list.dispatch(
      this.#pipelines.embeddingBackward,
      { dX, tables: TABLES, dE },
      {
        firstBucket: buckets.firstBucket,
        bucketCount: buckets.count,
        channelVectors: this.#dimensions.channelVectors,
        idStride,
        channelStride,
      },
    );
  }
}

export type LinearGradientParams = Record<LinearBackwardParam, number>;

function linearParams(weights: LinearWeights, rows: TableRange, flags: number): LinearGradientParams {
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
