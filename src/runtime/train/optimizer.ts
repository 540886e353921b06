// The optimizer of one queue: its state, the global norm of a gradient, and a step of every parameter.
import { ArgumentError } from "../../errors.js";
import type { GpuBuffer } from "../../gpu/buffer.js";
import type { CommandList } from "../../gpu/command-list.js";
import { BufferUsage } from "../../gpu/flags.js";
import type { Pipeline } from "../../gpu/pipelines.js";
import type { Queue } from "../../gpu/queue.js";
import {
  adamwVariant,
  sgdVariant,
  SUM_TERMS,
  sumSquaresVariant,
  sumVariant,
  type AdamWBinding,
  type AdamWParam,
  type SgdBinding,
  type SgdParam,
  type SumBinding,
  type SumSquaresBinding,
  type SumSquaresParam,
} from "../../kernels/optimizer/optimizer.js";
import type { TrainablePiece } from "../../model/weights/model-weights.js";
import { checkReal } from "../../util/check.js";

/** AdamW, with GPT-2's usual values by default. */
export interface AdamWOptions {
  readonly kind: "adamw";
  /** Default: 0.9. */
  readonly beta1?: number;
  /** Default: 0.95. */
  readonly beta2?: number;
  /** Default: 1e-8. */
  readonly epsilon?: number;
  /** Of matrices and embeddings; biases and norms have none. Default: 0.1. */
  readonly weightDecay?: number;
  /** The largest global norm of a gradient; beyond it the gradient is scaled down. Default: 1. */
  readonly clipNorm?: number;
}

/** Stochastic gradient descent. */
export interface SgdOptions {
  readonly kind: "sgd";
  /** Default: 0. */
  readonly momentum?: number;
  /** Default: 0. */
  readonly weightDecay?: number;
  /** Default: none. */
  readonly clipNorm?: number;
}

/** Which optimizer, by `kind`, and its constants. */
export type OptimizerOptions = AdamWOptions | SgdOptions;

/** Options without gaps. */
export type CheckedOptimizer = Required<AdamWOptions> | Required<SgdOptions>;

/** No gradient in f32 has a norm beyond this. */
const NO_CLIPPING = 3e38;

/** Throws ArgumentError for values out of range. */
export function checkOptimizer(options: OptimizerOptions = { kind: "adamw" }): CheckedOptimizer {
  switch (options.kind) {
    case "adamw":
      return {
        kind: "adamw",
        beta1: checkConstant("beta1", options.beta1, 0.9, 0.9999999),
        beta2: checkConstant("beta2", options.beta2, 0.95, 0.9999999),
        epsilon: checkConstant("epsilon", options.epsilon, 1e-8, 1),
        weightDecay: checkConstant("weightDecay", options.weightDecay, 0.1, 1000),
        clipNorm: checkConstant("clipNorm", options.clipNorm, 1, 1e30),
      };
    case "sgd":
      return {
        kind: "sgd",
        momentum: checkConstant("momentum", options.momentum, 0, 0.9999999),
        weightDecay: checkConstant("weightDecay", options.weightDecay, 0, 1000),
        clipNorm: checkConstant("clipNorm", options.clipNorm, NO_CLIPPING, NO_CLIPPING),
      };
    default:
      throw new ArgumentError({
        argument: "optimizer.kind",
        expected: "one of adamw, sgd",
        received: (options as { kind: unknown }).kind,
      });
  }
}

function checkConstant(name: string, value: number | undefined, missing: number, most: number): number {
  return checkReal(`optimizer.${name}`, value, missing, { least: 0, most });
}

interface Pipelines {
  readonly adamw: Pipeline<AdamWBinding, AdamWParam>;
  readonly sgd: Pipeline<SgdBinding, SgdParam>;
  readonly sumSquares: Pipeline<SumSquaresBinding, SumSquaresParam>;
  readonly sum: Pipeline<SumBinding, "count">;
}

export class Optimizer {
  readonly options: CheckedOptimizer;
  readonly #queue: Queue;
  readonly #parameters: readonly TrainablePiece[];
  readonly #pipelines: Pipelines;
  /** Per parameter: first and second moment, or the velocity. All zero at first. */
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

  /** State buffers in the order of the parameters: what a checkpoint holds. */
  get state(): readonly (readonly GpuBuffer[])[] {
    return this.#state;
  }

  /** Adds the squared global norm of the gradients, in the order of the parameters; answers the buffer it is in. */
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
          // Of the betas as the kernel has them: 1 − β is small, and β's rounding to f32 is not, beside it.
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
