// Layer normalisation of the rows of a table.
import source from "../../../shaders/norm/layer-forward.wgsl?raw";
import { specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";

export type LayerNormBinding = "X" | "gain" | "bias" | "rowTable" | "Y";
export type LayerNormParam = "firstEntry" | "rowCount" | "channels" | "channelVectors" | "epsilon";

const forward: KernelDefinition<LayerNormBinding, LayerNormParam> = {
  name: "norm.layer-forward",
  source,
  common: [],
  bindings: { X: "read", gain: "read", bias: "read", rowTable: "read", Y: "readWrite" },
  params: {
    firstEntry: "u32",
    rowCount: "u32",
    channels: "u32",
    channelVectors: "u32",
    epsilon: "f32",
  },
  grid: ({ rowCount }) => [Math.ceil(rowCount / 64), 1, 1],
};

export const layerNormVariant: KernelVariant<LayerNormBinding, LayerNormParam> = specialise(forward, {});
