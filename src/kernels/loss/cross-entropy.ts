// Cross-entropy of one token per row of logits, and its gradient in place of the logits.
import logSum from "../../../shaders/common/log-sum.wgsl?raw";
import source from "../../../shaders/loss/cross-entropy-backward.wgsl?raw";
import { specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";

type CrossEntropyBinding = "targets" | "logits" | "loss";
type CrossEntropyParam =
  "rowCount" | "vocabulary" | "rowStride" | "firstTarget" | "firstLoss" | "scale" | "logitScale" | "cap";

const backward: KernelDefinition<CrossEntropyBinding, CrossEntropyParam> = {
  name: "loss.cross-entropy-backward",
  source,
  common: [logSum],
  bindings: { targets: "read", logits: "readWrite", loss: "readWrite" },
  params: {
    rowCount: "u32",
    vocabulary: "u32",
    rowStride: "u32",
    firstTarget: "u32",
    firstLoss: "u32",
    scale: "f32",
    logitScale: "f32",
    cap: "f32",
  },
  grid: ({ rowCount }) => [Math.ceil(rowCount / 8), 1, 1],
};

export const crossEntropyVariant: KernelVariant<CrossEntropyBinding, CrossEntropyParam> = specialise(
  backward,
  {},
);
