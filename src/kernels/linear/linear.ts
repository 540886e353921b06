// Linear layers: X·W + b over the rows of a table, which is every product of a layer and the output head. What becomes of the sums is
// in output.ts.
import inputNormed from "../../../shaders/common/linear-input-normed.wgsl?raw";
import interfaceSource from "../../../shaders/common/linear-interface.wgsl?raw";
import normStats from "../../../shaders/common/norm-stats.wgsl?raw";
import productsFloat from "../../../shaders/common/products-float.wgsl?raw";
import productsHalf from "../../../shaders/common/products-half.wgsl?raw";
import vectors from "../../../shaders/common/vectors.wgsl?raw";
import source from "../../../shaders/linear/forward.wgsl?raw";
import {
  specialise,
  type Constants,
  type ElementType,
  type Extension,
  type Grid,
  type KernelVariant,
} from "../../gpu/kernel.js";
import type { Arithmetic } from "../../tensor/formats.js";
import { normConstants, type NormOptions } from "../norm/norm.js";
import type { LinearOutput, LinearSharedParam } from "./output.js";
import { columnReader, weightConstants, weightReader } from "./weight-reader.js";
import type { AdapterKind, SuitableRows, WorkgroupNeeds } from "../workgroup-needs.js";

/** The numbers by which the shaders know the activations. */
export const Activation = { none: 0, geluTanh: 1, geluErf: 2, relu: 3, silu: 4 } as const;
export type Activation = (typeof Activation)[keyof typeof Activation];

export type LinearInput = "X" | "W" | "bias" | "rowTable" | "scales";

/** What a kernel is compiled for: the activation, how weights are stored, and what becomes of the sums. */
export type LinearVariantOf = <B extends string, P extends string>(
  activation: Activation,
  element: ElementType,
  output: LinearOutput<B, P>,
) => KernelVariant<LinearInput | B, P | LinearSharedParam>;

/** The same with X normalised first, within the dispatch. */
export type NormedLinearVariantOf = <B extends string, P extends string>(
  activation: Activation,
  element: ElementType,
  output: LinearOutput<B, P>,
  norm: InputNorm,
) => KernelVariant<LinearInput | B | NormInput, P | LinearSharedParam>;

/** A norm of whole rows, whose result a product reads. */
export interface InputNorm extends NormOptions {
  /** Numbers of a row. */
  readonly width: number;
  readonly epsilon: number;
  readonly gainOffset: 0 | 1;
}

export type NormInput = "gain" | "normBias";

/** A kernel that computes a linear layer. All of an arithmetic give the same bits, and differ in where they are fast. */
export interface LinearKernel {
  readonly name: string;
  readonly suits: SuitableRows;
  readonly isFor: AdapterKind;
  readonly needs: WorkgroupNeeds;
  readonly variant: LinearVariantOf;
  /** Undefined for kernels that read X as it is. */
  readonly normedVariant?: NormedLinearVariantOf;
}

/** The shader of a kernel, and what it needs beside what all of them have in common. */
export interface LinearShader {
  /** "linear.<stem>" of the shader file. */
  readonly name: string;
  readonly source: string;
  /** Default: "f32". */
  readonly arithmetic?: Arithmetic;
  readonly extensions?: readonly Extension[];
  readonly constants?: Constants;
  /** How it reads X, if not from the interface. */
  readonly input?: readonly string[];
  readonly grid: (params: Readonly<Record<LinearSharedParam, number>>, constants: Constants) => Grid;
}

/** The variants of a shader. Bindings and parameters are those of shaders/common/linear-interface.wgsl and of the output. */
export const linearVariants =
  (shader: LinearShader): LinearVariantOf =>
  (activation, element, output) =>
    variantOf(shader, activation, element, output, {}, {});

/** Its variants with X normalised. */
export const normedLinearVariants =
  (shader: LinearShader): NormedLinearVariantOf =>
  (activation, element, output, norm) =>
    variantOf(
      { ...shader, input: [normStats, inputNormed, output.normBindings] },
      activation,
      element,
      output,
      { gain: "read", normBias: "read" },
      {
        ...normConstants(norm),
        NORM_PADDING: 4 * norm.vectors - norm.width,
        // Constants are whole numbers: these are its bits.
        NORM_EPSILON: new Uint32Array(Float32Array.of(norm.epsilon).buffer)[0]!,
        GAIN_OFFSET: norm.gainOffset,
      },
    );

const variantOf = <B extends string, P extends string, N extends string>(
  { name, source: own, arithmetic = "f32", extensions = [], constants, input = [], grid }: LinearShader,
  activation: Activation,
  element: ElementType,
  output: LinearOutput<B, P>,
  normInputs: Readonly<Record<N, "read">>,
  normValues: Constants,
): KernelVariant<LinearInput | B | N, P | LinearSharedParam> =>
  specialise<LinearInput | B | N, P | LinearSharedParam>(
    {
      name,
      source: own,
      extensions: arithmetic === "f16" ? [...extensions, "f16"] : extensions,
      common: [
        vectors,
        ...weightReader(element),
        columnReader(element),
        arithmetic === "f32" ? productsFloat : productsHalf,
        interfaceSource,
        ...input,
        ...output.fragments,
      ],
      bindings: {
        X: "read",
        W: "read",
        bias: "read",
        rowTable: "read",
        scales: "read",
        ...output.bindings,
        ...normInputs,
      },
      params: output.params,
      grid,
    },
    {
      ACTIVATION: activation,
      ...weightConstants(element),
      ...output.constants,
      ...constants,
      ...normValues,
    },
    element,
  );

/** Rows and columns of Y that one invocation computes. */
const TILE = 8;

/** Sums in registers, no workgroup memory. */
export const registerTiledLinear: LinearKernel = {
  name: "register-tiled",
  suits: "any",
  isFor: "software",
  needs: { invocations: 32, bytes: 0 },
  variant: linearVariants({
    name: "linear.forward",
    source,
    constants: { WORKGROUP_X: 8, WORKGROUP_Y: 4 },
    grid: (params, constants) => [
      Math.ceil((4 * params.outputVectors) / TILE / Number(constants["WORKGROUP_X"])),
      Math.ceil(params.rowCount / TILE / Number(constants["WORKGROUP_Y"])),
      1,
    ],
  }),
};
