// Gradients of what rotary positions turned.
import source from "../../../shaders/rotary/backward.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";
import { rotaryFragments } from "./rotary.js";

type RotaryBackwardBinding = "dY" | "angles" | "rowInfo" | "rowTable" | "dX";
type RotaryBackwardParam =
  | "firstEntry"
  | "rowCount"
  | "headVectors"
  | "turnedVectors"
  | "vectors"
  | "inputStride"
  | "inputOffset"
  | "outputStride"
  | "outputOffset"
  | "zeroedVectors"
  | "turnedHeads";

const backward: KernelDefinition<RotaryBackwardBinding, RotaryBackwardParam> = {
  name: "rotary.backward",
  source,
  common: rotaryFragments,
  bindings: { dY: "read", angles: "read", rowInfo: "read", rowTable: "read", dX: "readWrite" },
  params: {
    firstEntry: "u32",
    rowCount: "u32",
    headVectors: "u32",
    turnedVectors: "u32",
    vectors: "u32",
    inputStride: "u32",
    inputOffset: "u32",
    outputStride: "u32",
    outputOffset: "u32",
    zeroedVectors: "u32",
    turnedHeads: "u32",
  },
  grid: ({ rowCount, vectors }) => foldGrid(Math.ceil((rowCount * vectors) / 64)),
};

export const rotaryBackwardVariant: KernelVariant<RotaryBackwardBinding, RotaryBackwardParam> = specialise(
  backward,
  {},
);
