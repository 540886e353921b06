// Gradients of Y = activation(X·W + b): for the inputs, row by row, and for weight and bias, over all rows.
import activationSource from "../../../shaders/common/activation.wgsl?raw";
import derivative from "../../../shaders/common/activation-derivative.wgsl?raw";
import vectors from "../../../shaders/common/vectors.wgsl?raw";
import inputSource from "../../../shaders/linear/backward-input.wgsl?raw";
import weightSource from "../../../shaders/linear/backward-weight.wgsl?raw";
import { specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";
import { GRADIENT_TILE as TILE, type LinearBackwardParam } from "./gradient.js";
import type { Activation } from "./linear.js";

type LinearBackwardWeightParam = LinearBackwardParam | "slabRows";

type LinearBackwardInputBinding = "dY" | "W" | "P" | "rowTable" | "dX";
type LinearBackwardWeightBinding = "X" | "dY" | "rowTable" | "dW" | "db";

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
