// Gradients of norms: for the inputs, norm by norm, and for gain and bias, over all rows.
import inputSource from "../../../shaders/norm/backward-input.wgsl?raw";
import weightSource from "../../../shaders/norm/backward-weight.wgsl?raw";
import { specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";
import {
  normConstants,
  normFragments,
  normGrid,
  normParams,
  type NormOptions,
  type NormParam,
} from "./norm.js";

type NormBackwardInputBinding = "X" | "dY" | "gain" | "rowTable" | "dX" | "stats";
type NormBackwardWeightBinding = "X" | "dY" | "stats" | "rowTable" | "dGain" | "dBias";
type NormBackwardWeightParam =
  | "firstEntry"
  | "normCount"
  | "normsPerRow"
  | "vectors"
  | "inputStride"
  | "inputOffset"
  | "outputStride"
  | "slabNorms"
  | "addToOutput";

const backwardInput: KernelDefinition<NormBackwardInputBinding, NormParam> = {
  name: "norm.backward-input",
  source: inputSource,
  common: normFragments,
  bindings: { X: "read", dY: "read", gain: "read", rowTable: "read", dX: "readWrite", stats: "readWrite" },
  params: normParams,
  grid: normGrid,
};

const backwardWeight: KernelDefinition<NormBackwardWeightBinding, NormBackwardWeightParam> = {
  name: "norm.backward-weight",
  source: weightSource,
  common: [],
  bindings: {
    X: "read",
    dY: "read",
    stats: "read",
    rowTable: "read",
    dGain: "readWrite",
    dBias: "readWrite",
  },
  params: {
    firstEntry: "u32",
    normCount: "u32",
    normsPerRow: "u32",
    vectors: "u32",
    inputStride: "u32",
    inputOffset: "u32",
    outputStride: "u32",
    slabNorms: "u32",
    addToOutput: "u32",
  },
  grid: ({ vectors, normCount, slabNorms }) => [Math.ceil(vectors / 16), Math.ceil(normCount / slabNorms), 1],
};

export const normBackwardInputVariant = (
  options: NormOptions,
): KernelVariant<NormBackwardInputBinding, NormParam> => specialise(backwardInput, normConstants(options));

export const normBackwardWeightVariant: KernelVariant<NormBackwardWeightBinding, NormBackwardWeightParam> =
  specialise(backwardWeight, {});
