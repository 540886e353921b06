// Y = activation(X·W + b) (+ Y) over the rows of a table: every product of a layer and the output head.
import activationSource from "../../../shaders/common/activation.wgsl?raw";
import interfaceSource from "../../../shaders/common/linear-interface.wgsl?raw";
import productsFloat from "../../../shaders/common/products-float.wgsl?raw";
import productsHalf from "../../../shaders/common/products-half.wgsl?raw";
import vectors from "../../../shaders/common/vectors.wgsl?raw";
import source from "../../../shaders/linear/forward.wgsl?raw";
import {
  specialise,
  type Constants,
  type ElementType,
  type KernelDefinition,
  type KernelVariant,
} from "../../gpu/kernel.js";
import type { Arithmetic } from "../../tensor/formats.js";
import { columnReader, weightConstants, weightReader } from "./weight-reader.js";
import type { AdapterKind, SuitableRows, WorkgroupNeeds } from "../workgroup-needs.js";

/** The numbers by which the shaders know the activations. */
export const Activation = { none: 0, geluTanh: 1, geluErf: 2, relu: 3, silu: 4 } as const;
export type Activation = (typeof Activation)[keyof typeof Activation];

/** What a dispatch does besides the product and the bias. Flags may be combined. */
export const LinearFlag = {
  /** Apply the model's activation. */
  activate: 1,
  /** Add to Y instead of setting it, as a residual connection does. */
  addToOutput: 2,
  /** Row i of the table goes to row i of Y, instead of to the row that the table lists for it. */
  compactOutput: 4,
} as const;

export type LinearBinding = "X" | "W" | "bias" | "rowTable" | "scales" | "Y";
export type LinearParam =
  | "firstEntry"
  | "rowCount"
  | "inputVectors"
  | "outputVectors"
  | "outputStride"
  | "outputOffset"
  | "outputEntry"
  | "flags";

/** The part of a definition that all kernels of a linear layer share. See shaders/common/linear-interface.wgsl. */
export const linearInterface = (
  element: ElementType,
  arithmetic: Arithmetic = "f32",
): Pick<KernelDefinition<LinearBinding, LinearParam>, "common" | "bindings" | "params"> => ({
  common: [
    vectors,
    activationSource,
    ...weightReader(element),
    columnReader(element),
    arithmetic === "f32" ? productsFloat : productsHalf,
    interfaceSource,
  ],
  bindings: { X: "read", W: "read", bias: "read", rowTable: "read", scales: "read", Y: "readWrite" },
  params: {
    firstEntry: "u32",
    rowCount: "u32",
    inputVectors: "u32",
    outputVectors: "u32",
    outputStride: "u32",
    outputOffset: "u32",
    outputEntry: "u32",
    flags: "u32",
  },
});

/** A kernel that computes a linear layer. All of an arithmetic give the same bits, and differ in where they are fast. */
export interface LinearKernel {
  readonly name: string;
  readonly suits: SuitableRows;
  readonly isFor: AdapterKind;
  readonly needs: WorkgroupNeeds;
  variant(activation: Activation, element: ElementType): KernelVariant<LinearBinding, LinearParam>;
}

/** Rows and columns of Y that one invocation computes. */
const TILE = 8;

/** A kernel with what all of them are specialised by, and with constants of its own. */
export const linearVariant = (
  definition: KernelDefinition<LinearBinding, LinearParam>,
  activation: Activation,
  element: ElementType,
  constants: Constants = {},
): KernelVariant<LinearBinding, LinearParam> =>
  specialise(definition, { ACTIVATION: activation, ...weightConstants(element), ...constants }, element);

const forward = (element: ElementType): KernelDefinition<LinearBinding, LinearParam> => ({
  name: "linear.forward",
  source,
  ...linearInterface(element),
  grid: (params, constants) => [
    Math.ceil((4 * params.outputVectors) / TILE / Number(constants["WORKGROUP_X"])),
    Math.ceil(params.rowCount / TILE / Number(constants["WORKGROUP_Y"])),
    1,
  ],
});

/** Sums in registers, no workgroup memory. */
export const registerTiledLinear: LinearKernel = {
  name: "register-tiled",
  suits: "any",
  isFor: "software",
  needs: { invocations: 32, bytes: 0 },
  variant: (activation, element) =>
    linearVariant(forward(element), activation, element, { WORKGROUP_X: 8, WORKGROUP_Y: 4 }),
};
