// A norm that is added to the residual stream, and the norm that follows, in one dispatch.
import source from "../../../shaders/norm/forward-added.wgsl?raw";
import { specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";
import { gridOfNorms, normConstants, normStatsFragments } from "./norm.js";

export type AddedNormBinding = "X" | "gain" | "nextGain" | "bias" | "rowTable" | "Y" | "Z";
export type AddedNormParam =
  "firstEntry" | "rowCount" | "width" | "vectors" | "epsilon" | "gainOffset" | "nextGainOffset";

const forward: KernelDefinition<AddedNormBinding, AddedNormParam> = {
  name: "norm.forward-added",
  source,
  common: normStatsFragments,
  bindings: {
    X: "read",
    gain: "read",
    nextGain: "read",
    bias: "read",
    rowTable: "read",
    Y: "readWrite",
    Z: "readWrite",
  },
  params: {
    firstEntry: "u32",
    rowCount: "u32",
    width: "u32",
    vectors: "u32",
    epsilon: "f32",
    gainOffset: "f32",
    nextGainOffset: "f32",
  },
  grid: ({ rowCount }, constants) => gridOfNorms(rowCount, constants),
};

/** `vectors`: vec4s of a row. */
export const addedNormVariant = (vectors: number): KernelVariant<AddedNormBinding, AddedNormParam> =>
  specialise(forward, normConstants({ method: "rms", vectors }));
