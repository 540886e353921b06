// Gradients of Y = activation(X·W + b): for the inputs, row by row, and for weight and bias, over all rows.
import activationSource from "../../../shaders/common/activation.wgsl?raw";
import derivative from "../../../shaders/common/activation-derivative.wgsl?raw";
import vectors from "../../../shaders/common/vectors.wgsl?raw";
import inputSource from "../../../shaders/linear/backward-input.wgsl?raw";
import weightSource from "../../../shaders/linear/backward-weight.wgsl?raw";
import { specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";
import type { Activation } from "./linear.js";

export type LinearBackwardParam =
  | "firstEntry"
  | "rowCount"
  | "inputVectors"
  | "outputVectors"
  | "gradientStride"
  | "gradientOffset"
  | "outputEntry"
  | "flags";
type LinearBackwardWeightParam = LinearBackwardParam | "slabRows";

type LinearBackwardInputBinding = "dY" | "W" | "P" | "rowTable" | "dX";
type LinearBackwardWeightBinding = "X" | "dY" | "rowTable" | "dW" | "db";

/** What a dispatch does beside the product; flags may be combined. */
export const GradientFlag = {
  /** Multiply by the derivative of the model's activation, which X came out of. For inputs only. */
  throughActivation: 1,
  /** += instead of =. */
  addToOutput: 2,
  /** Row i of the table has its gradient in row i of dY, instead of in the row that the table lists for it. */
  compactGradient: 4,
} as const;

/** Rows and columns that one invocation computes. */
const TILE = 8;
const WORKGROUP = { WORKGROUP_X: 8, WORKGROUP_Y: 4 };

const params = {
  firstEntry: "u32",
  rowCount: "u32",
  inputVectors: "u32",
  outputVectors: "u32",
  gradientStride: "u32",
  gradientOffset: "u32",
  outputEntry: "u32",
  flags: "u32",
} as const;

const backwardInput: KernelDefinition<LinearBackwardInputBinding, LinearBackwardParam> = {
  name: "linear.backward-input",
  source: inputSource,
  common: [activationSource, derivative, vectors],
  bindings: { dY: "read", W: "read", P: "read", rowTable: "read", dX: "readWrite" },
  params,
  grid: ({ rowCount, inputVectors }) => [
    Math.ceil((4 * inputVectors) / TILE / WORKGROUP.WORKGROUP_X),
    Math.ceil(rowCount / TILE / WORKGROUP.WORKGROUP_Y),
    1,
  ],
};

const backwardWeight: KernelDefinition<LinearBackwardWeightBinding, LinearBackwardWeightParam> = {
  name: "linear.backward-weight",
  source: weightSource,
  common: [vectors],
  bindings: { X: "read", dY: "read", rowTable: "read", dW: "readWrite", db: "readWrite" },
  params: { ...params, slabRows: "u32" },
  grid: ({ inputVectors, outputVectors, rowCount, slabRows }) => [
    Math.ceil((4 * outputVectors) / TILE / WORKGROUP.WORKGROUP_X),
    Math.ceil((4 * inputVectors) / TILE / WORKGROUP.WORKGROUP_Y),
    Math.ceil(rowCount / slabRows),
  ],
};

export const linearBackwardInputVariant = (
  activation: Activation,
): KernelVariant<LinearBackwardInputBinding, LinearBackwardParam> =>
  specialise(backwardInput, { ACTIVATION: activation, ...WORKGROUP });

export const linearBackwardWeightVariant: KernelVariant<
  LinearBackwardWeightBinding,
  LinearBackwardWeightParam
> = specialise(backwardWeight, WORKGROUP);

/** Invocations that hold the sums of a weight: a tile each. */
export function weightOwners(inputVectors: number, outputVectors: number): number {
  return Math.ceil((4 * inputVectors) / TILE) * Math.ceil((4 * outputVectors) / TILE);
}
