// Gradients of layer normalisation: for the inputs, row by row, and for gain and bias, over all rows.
import inputSource from "../../../shaders/norm/layer-backward-input.wgsl?raw";
import weightSource from "../../../shaders/norm/layer-backward-weight.wgsl?raw";
import { specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";
import { normFragments, normParams, type LayerNormParam } from "./layer-norm.js";

type LayerNormBackwardInputBinding = "X" | "dY" | "gain" | "rowTable" | "dX" | "stats";
type LayerNormBackwardWeightBinding = "X" | "dY" | "stats" | "rowTable" | "dGain" | "dBias";
type LayerNormBackwardWeightParam = "firstEntry" | "rowCount" | "channelVectors" | "slabRows" | "addToOutput";

const backwardInput: KernelDefinition<LayerNormBackwardInputBinding, LayerNormParam> = {
  name: "norm.layer-backward-input",
  source: inputSource,
  common: normFragments,
  bindings: { X: "read", dY: "read", gain: "read", rowTable: "read", dX: "readWrite", stats: "readWrite" },
  params: normParams,
  grid: ({ rowCount }) => [Math.ceil(rowCount / 64), 1, 1],
};

const backwardWeight: KernelDefinition<LayerNormBackwardWeightBinding, LayerNormBackwardWeightParam> = {
  name: "norm.layer-backward-weight",
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
    rowCount: "u32",
    channelVectors: "u32",
    slabRows: "u32",
    addToOutput: "u32",
  },
  grid: ({ channelVectors, rowCount, slabRows }) => [
    Math.ceil(channelVectors / 16),
    Math.ceil(rowCount / slabRows),
    1,
  ],
};

export const layerNormBackwardInputVariant: KernelVariant<LayerNormBackwardInputBinding, LayerNormParam> =
  specialise(backwardInput, {});

export const layerNormBackwardWeightVariant: KernelVariant<
  LayerNormBackwardWeightBinding,
  LayerNormBackwardWeightParam
> = specialise(backwardWeight, {});
