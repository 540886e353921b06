// Y = factor · X, or Y += factor · X, over the rows of a table.
import source from "../../../shaders/activation/scale.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";

type ScaleBinding = "X" | "rowTable" | "Y";
type ScaleParam = "firstEntry" | "rowCount" | "vectors" | "factor" | "addToOutput";

const scale: KernelDefinition<ScaleBinding, ScaleParam> = {
  name: "activation.scale",
  source,
  common: [],
  bindings: { X: "read", rowTable: "read", Y: "readWrite" },
  params: { firstEntry: "u32", rowCount: "u32", vectors: "u32", factor: "f32", addToOutput: "u32" },
  grid: ({ rowCount, vectors }) => foldGrid(Math.ceil((rowCount * vectors) / 64)),
};

export const scaleVariant: KernelVariant<ScaleBinding, ScaleParam> = specialise(scale, {});
