// Layer normalisation of the rows of a table.
import vectors from "../../../shaders/common/vectors.wgsl?raw";
import norm from "../../../shaders/common/layer-norm.wgsl?raw";
import source from "../../../shaders/norm/layer-forward.wgsl?raw";
import { specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";

export type LayerNormBinding = "X" | "gain" | "bias" | "rowTable" | "Y";
export type LayerNormParam = "firstEntry" | "rowCount" | "channels" | "channelVectors" | "epsilon";

/** How the kernels that find mean and scale of rows are called: shaders/common/layer-norm.wgsl. */
export const normParams = {
  firstEntry: "u32",
  rowCount: "u32",
  channels: "u32",
  channelVectors: "u32",
  epsilon: "f32",
} as const;
export const normFragments: readonly string[] = [vectors, norm];

const forward: KernelDefinition<LayerNormBinding, LayerNormParam> = {
  name: "norm.layer-forward",
  source,
  common: normFragments,
  bindings: { X: "read", gain: "read", bias: "read", rowTable: "read", Y: "readWrite" },
  params: normParams,
  grid: ({ rowCount }) => [Math.ceil(rowCount / 64), 1, 1],
};

export const layerNormVariant: KernelVariant<LayerNormBinding, LayerNormParam> = specialise(forward, {});
