// The gated product of an MLP: Y = activation(gates) · ups.
import activationSource from "../../../shaders/common/activation.wgsl?raw";
import source from "../../../shaders/activation/gate.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";
import type { Activation } from "../linear/linear.js";

type GateBinding = "X" | "rowTable" | "Y";
export type GateParam = "firstEntry" | "rowCount" | "vectors";

export const gateParams = { firstEntry: "u32", rowCount: "u32", vectors: "u32" } as const;

const forward: KernelDefinition<GateBinding, GateParam> = {
  name: "activation.gate",
  source,
  common: [activationSource],
  bindings: { X: "read", rowTable: "read", Y: "readWrite" },
  params: gateParams,
  grid: ({ rowCount, vectors }) => foldGrid(Math.ceil((rowCount * vectors) / 64)),
};

export const gateVariant = (kind: Activation): KernelVariant<GateBinding, GateParam> =>
  specialise(forward, { ACTIVATION: kind });
