// Scale and cap of logits, in place.
import source from "../../../shaders/loss/adjust-logits.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";

type AdjustLogitsParam = "rowCount" | "vectors" | "scale" | "cap";

const adjust: KernelDefinition<"logits", AdjustLogitsParam> = {
  name: "loss.adjust-logits",
  source,
  common: [],
  bindings: { logits: "readWrite" },
  params: { rowCount: "u32", vectors: "u32", scale: "f32", cap: "f32" },
  grid: ({ rowCount, vectors }) => foldGrid(Math.ceil((rowCount * vectors) / 64)),
};

export const adjustLogitsVariant: KernelVariant<"logits", AdjustLogitsParam> = specialise(adjust, {});
