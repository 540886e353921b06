// The activation of the MLP as a kernel of its own, for training, which keeps its input and its output.
import activation from "../../../shaders/common/activation.wgsl?raw";
import source from "../../../shaders/activation/activate.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";
import type { Activation } from "../linear/linear.js";

type ActivateBinding = "X" | "rowTable" | "Y";
type ActivateParam = "firstEntry" | "rowCount" | "vectors";

const activate: KernelDefinition<ActivateBinding, ActivateParam> = {
  name: "activation.activate",
  source,
  common: [activation],
  bindings: { X: "read", rowTable: "read", Y: "readWrite" },
  params: { firstEntry: "u32", rowCount: "u32", vectors: "u32" },
  grid: ({ rowCount, vectors }) => foldGrid(Math.ceil((rowCount * vectors) / 64)),
};

export const activateVariant = (kind: Activation): KernelVariant<ActivateBinding, ActivateParam> =>
  specialise(activate, { ACTIVATION: kind });
