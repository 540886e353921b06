// Gradients of gates and ups.
import activationSource from "../../../shaders/common/activation.wgsl?raw";
import derivativeSource from "../../../shaders/common/activation-derivative.wgsl?raw";
import source from "../../../shaders/activation/gate-backward.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";
import type { Activation } from "../linear/linear.js";
import { gateParams, type GateParam } from "./gate.js";

type GateBackwardBinding = "X" | "dY" | "rowTable" | "dX";

const backward: KernelDefinition<GateBackwardBinding, GateParam> = {
  name: "activation.gate-backward",
  source,
  common: [activationSource, derivativeSource],
  bindings: { X: "read", dY: "read", rowTable: "read", dX: "readWrite" },
  params: gateParams,
  grid: ({ rowCount, vectors }) => foldGrid(Math.ceil((rowCount * vectors) / 64)),
};

export const gateBackwardVariant = (kind: Activation): KernelVariant<GateBackwardBinding, GateParam> =>
  specialise(backward, { ACTIVATION: kind });
