// Gradients of Y = activation(X·W + b): for the inputs, row by row, and for weight and bias, over all rows.
import activation from "../../shaders/common/activation.wgsl?raw";
import derivative from "../../shaders/common/activation-derivative.wgsl?raw";
import inputSource from "../../shaders/linear/backward-input.wgsl?raw";
import weightSource from "../../shaders/linear/backward-weight.wgsl?raw";
import { specialise, type ElementType, type KernelDefinition, type KernelVariant } from "../gpu/kernel.js";
import type { Activation } from "./linear.js";

export type LinearBackwardParam =
  | "firstEntry"
  | "rowCount"
  | "inputVectors"
  | "outputVectors"
  | "gradientStride"
  | "gradientOffset"
  | "outputEntry";

export type LinearBackwardInputBinding = "dY" | "W" | "P" | "rowTable" | "dX";
export type LinearBackwardWeightBinding = "X" | "dY" | "rowTable" | "dW" | "db";

export interface LinearBackwardInputOptions {
  /** The activation that X came out of; its derivative is multiplied in. */
  readonly activation: Activation;
  /** dX += instead of dX =. */
  readonly addToOutput: boolean;
  /** Row i of the table has its gradient in row i of dY, instead of in the row that the table lists for it. */
  readonly compactGradient: boolean;
}

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
} as const;

const backwardInput: KernelDefinition<LinearBackwardInputBinding, LinearBackwardParam> = {
  name: "linear.backward-input",
  source: inputSource,
  common: [activation, derivative],
  bindings: { dY: "read", W: "read", P: "read", rowTable: "read", dX: "readWrite" },
  params,
  grid: ({ rowCount, inputVectors }) => [
    Math.ceil((4 * inputVectors) / TILE / WORKGROUP.WORKGROUP_X),
    Math.ceil(rowCount / TILE / WORKGROUP.WORKGROUP_Y),
    1,
  ],
};

const backwardWeight: KernelDefinition<LinearBackwardWeightBinding, LinearBackwardParam> = {
  name: "linear.backward-weight",
  source: weightSource,
  common: [],
  bindings: { X: "read", dY: "read", rowTable: "read", dW: "readWrite", db: "readWrite" },
  params,
  grid: ({ inputVectors, outputVectors }) => [
    Math.ceil((4 * outputVectors) / TILE / WORKGROUP.WORKGROUP_X),
    Math.ceil((4 * inputVectors) / TILE / WORKGROUP.WORKGROUP_Y),
    1,
  ],
};

export const linearBackwardInputVariant = (
  options: LinearBackwardInputOptions,
  element: ElementType,
): KernelVariant<LinearBackwardInputBinding, LinearBackwardParam> =>
  specialise(
    backwardInput,
    {
      ACTIVATION: options.activation,
      ADD_TO_OUTPUT: options.addToOutput,
      COMPACT_GRADIENT: options.compactGradient,
      ...WORKGROUP,
    },
    element,
  );

export const linearBackwardWeightVariant = (
  compactGradient: boolean,
  element: ElementType,
): KernelVariant<LinearBackwardWeightBinding, LinearBackwardParam> =>
  specialise(backwardWeight, { COMPACT_GRADIENT: compactGradient, ...WORKGROUP }, element);
