// What becomes of rows that stand for texts or tokens: an activation, a cut, a length of 1.
import activationSource from "../../../shaders/common/activation.wgsl?raw";
import source from "../../../shaders/pooling/finish.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";
import type { Activation } from "../linear/linear.js";

/** The number by which the shader knows tanh, beside those of the activations of linear layers. */
export const TANH = 5 as const;
/** What becomes of each number. */
export type FinishActivation = Activation | typeof TANH;

type FinishBinding = "X" | "Y";
type FinishParam =
  "rowCount" | "inputStride" | "partWidth" | "partVectors" | "width" | "outputVectors" | "normalises";

const finish: KernelDefinition<FinishBinding, FinishParam> = {
  name: "pooling.finish",
  source,
  common: [activationSource],
  bindings: { X: "read", Y: "readWrite" },
  params: {
    rowCount: "u32",
    inputStride: "u32",
    partWidth: "u32",
    partVectors: "u32",
    width: "u32",
    outputVectors: "u32",
    normalises: "u32",
  },
  grid: ({ rowCount }) => foldGrid(rowCount),
};

export const finishVariant = (activation: FinishActivation): KernelVariant<FinishBinding, FinishParam> =>
  specialise(finish, { ACTIVATION: activation });
