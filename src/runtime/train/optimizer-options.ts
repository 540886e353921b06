// The optimizer's options, checked. The optimizer itself is loaded when training begins.
import { ArgumentError } from "../../errors.js";
import { checkReal } from "../../util/check.js";
import { checkOptionNames, type OptionNames } from "../../util/option-names.js";

/** AdamW, with the usual values of language models by default. */
export interface AdamWOptions {
  readonly kind: "adamw";
  /** Default: 0.9. */
  readonly beta1?: number;
  /** Default: 0.95. */
  readonly beta2?: number;
  /** Default: 1e-8. */
  readonly epsilon?: number;
  /** Weight decay of matrices and embeddings. Biases and norms have none. Default: 0.1. */
  readonly weightDecay?: number;
  /** The largest global norm of a gradient. Larger gradients are scaled down to it. Default: 1. */
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

/** The optimizer, named by `kind`, and its constants. */
export type OptimizerOptions = AdamWOptions | SgdOptions;

/** The options with all defaults filled in. */
export type CheckedOptimizer = Required<AdamWOptions> | Required<SgdOptions>;

const adamwNames: OptionNames<AdamWOptions> = {
  kind: true,
  beta1: true,
  beta2: true,
  epsilon: true,
  weightDecay: true,
  clipNorm: true,
};

const sgdNames: OptionNames<SgdOptions> = { kind: true, momentum: true, weightDecay: true, clipNorm: true };

/** No gradient in f32 has a norm beyond this. */
const NO_CLIPPING = 3e38;

/** Throws ArgumentError for values out of range. */
export function checkOptimizer(options: OptimizerOptions = { kind: "adamw" }): CheckedOptimizer {
  switch (options.kind) {
    case "adamw":
      checkOptionNames(options, adamwNames, "optimizer");
      return {
        kind: "adamw",
        beta1: checkConstant("beta1", options.beta1, 0.9, 0.9999999),
        beta2: checkConstant("beta2", options.beta2, 0.95, 0.9999999),
        epsilon: checkReal("optimizer.epsilon", options.epsilon, 1e-8, {
          least: 0,
          isAbove: true,
          most: 1,
          remedy: "Without it a weight whose gradients are zero is divided by zero.",
        }),
        weightDecay: checkConstant("weightDecay", options.weightDecay, 0.1, 1000),
        clipNorm: checkConstant("clipNorm", options.clipNorm, 1, 1e30),
      };
    case "sgd":
      checkOptionNames(options, sgdNames, "optimizer");
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
