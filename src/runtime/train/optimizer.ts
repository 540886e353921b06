// The optimizer of one queue: its state, the global norm of a gradient, and a step of every parameter.
import type { GpuBuffer } from "../../gpu/buffer.js";
import type { CommandList } from "../../gpu/command-list.js";
import { BufferUsage } from "../../gpu/flags.js";
import type { PipelineOf } from "../../gpu/pipelines.js";
import type { Queue } from "../../gpu/queue.js";
import {
  adamwVariant,
  sgdVariant,
  SUM_TERMS,
  sumSquaresVariant,
  sumVariant,
} from "../../kernels/optimizer/optimizer.js";
import type { TrainablePiece } from "../../model/weights/model-weights.js";
import type { CheckedOptimizer } from "./optimizer-options.js";

interface Pipelines {
  readonly adamw: PipelineOf<typeof adamwVariant>;
  readonly sgd: PipelineOf<typeof sgdVariant>;
  readonly sumSquares: PipelineOf<typeof sumSquaresVariant>;
  readonly sum: PipelineOf<typeof sumVariant>;
}

export class Optimizer {
  readonly options: CheckedOptimizer;
  readonly #queue: Queue;
  readonly #parameters: readonly TrainablePiece[];
  readonly #pipelines: Pipelines;
  /** Per parameter, the first and second moment, or the velocity. Zero at first. */
  readonly #state: readonly (readonly GpuBuffer[])[];
  readonly #partials: readonly [GpuBuffer, GpuBuffer];

  private constructor(
    queue: Queue,
    parameters: readonly TrainablePiece[],
    options: CheckedOptimizer,
    pipelines: Pipelines,
  ) {
    this.#queue = queue;
    this.#parameters = parameters;
    this.options = options;
    this.#pipelines = pipelines;
    const usage = BufferUsage.storage | BufferUsage.copySource | BufferUsage.copyTarget;
    const roles = options.kind === "adamw" ? ["first", "second"] : ["velocity"];
    this.#state = parameters.map(({ name, buffer }) =>
      roles.map((role) => queue.createBuffer(`optimizer.${role}.${name}`, buffer.sizeBytes, usage)),
    );
    const partials = parameters.reduce((sum, { buffer }) => sum + partialCount(buffer), 0);
    this.#partials = [
      queue.createBuffer("optimizer.partials-0", 4 * partials, usage),
      queue.createBuffer("optimizer.partials-1", 4 * partials, usage),
    ];
  }

  /** Allocates the state. Throws DeviceError when there is no room. */
  static async create(
    queue: Queue,
    parameters: readonly TrainablePiece[],
    options: CheckedOptimizer,
  ): Promise<Optimizer> {
    const [adamw, sgd, sumSquares, sum] = await Promise.all([
      queue.pipelines.get(adamwVariant),
      queue.pipelines.get(sgdVariant),
      queue.pipelines.get(sumSquaresVariant),
      queue.pipelines.get(sumVariant),
    ]);
    let optimizer: Optimizer | undefined;
    try {
      await queue.checked(() => {
        optimizer = new Optimizer(queue, parameters, options, { adamw, sgd, sumSquares, sum });
      });
      return optimizer!;
    } catch (error) {
      optimizer?.dispose();
      throw error;
    }
  }

  /** The state's buffers in the order of the parameters. A checkpoint holds them. */
  get state(): readonly (readonly GpuBuffer[])[] {
    return this.#state;
  }

  /** Adds the squared global norm of the gradients, in the order of the parameters. Returns the buffer that it is in. */
  encodeSquaredNorm(list: CommandList, gradients: readonly GpuBuffer[]): GpuBuffer {
    let [from, to] = this.#partials;
    let count = 0;
    for (const gradient of gradients) {
      list.dispatch(
        this.#pipelines.sumSquares,
        { X: gradient, sums: from },
        { vectorCount: gradient.sizeBytes / 16, firstPartial: count },
      );
      count += partialCount(gradient);
    }
    while (count > 1) {
      list.dispatch(this.#pipelines.sum, { X: from, Y: to }, { count });
      count = Math.ceil(count / SUM_TERMS);
      [from, to] = [to, from];
    }
    return from;
  }

  /** Adds step `step` (from 1 on) of every parameter, with gradients in the order of the parameters. */
  encodeStep(
    list: CommandList,
    gradients: readonly GpuBuffer[],
    squares: GpuBuffer,
    step: number,
    rate: number,
  ): void {
    const { options } = this;
    for (const [index, { buffer: weight, decays }] of this.#parameters.entries()) {
      const gradient = gradients[index]!;
      const vectorCount = weight.sizeBytes / 16;
      const decay = decays ? options.weightDecay : 0;
      const maxNorm = options.clipNorm;
      if (options.kind === "sgd") {
        const [velocity] = this.#state[index]!;
        list.dispatch(
          this.#pipelines.sgd,
          { gradient, squares, weight, velocity: velocity! },
          { vectorCount, rate, momentum: options.momentum, decay, maxNorm },
        );
        continue;
      }
      const [first, second] = this.#state[index]!;
      const { beta1, beta2, epsilon } = options;
      list.dispatch(
        this.#pipelines.adamw,
        { gradient, squares, weight, first: first!, second: second! },
        {
          vectorCount,
          rate,
          beta1,
          beta2,
          epsilon,
          decay,
          // Round the betas as the kernel has them: 1 − β is so small that the rounding of β to f32 matters.
          firstCorrection: 1 / (1 - Math.fround(beta1) ** step),
          secondCorrection: 1 / (1 - Math.fround(beta2) ** step),
          maxNorm,
        },
      );
    }
  }

  dispose(): void {
    for (const buffer of [...this.#state.flat(), ...this.#partials]) buffer.dispose();
    this.#queue.pipelines.forgetBindGroups();
  }
}

/** Sums of squares that a tensor's kernel leaves. */
function partialCount(buffer: GpuBuffer): number {
  return Math.ceil(buffer.sizeBytes / 16 / SUM_TERMS);
}
