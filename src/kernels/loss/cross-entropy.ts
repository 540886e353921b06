// Cross-entropy of one token per row of logits, and its gradient in place of the logits.
import source from "../../../shaders/loss/cross-entropy-backward.wgsl?raw";
import { specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";
import type { AdapterKind } from "../workgroup-needs.js";
import { rowSums } from "./row-sums.js";

type CrossEntropyBinding = "targets" | "logits" | "loss";
type CrossEntropyParam =
  "rowCount" | "vocabulary" | "rowStride" | "firstTarget" | "firstLoss" | "scale" | "logitScale" | "cap";

const backward = (kind: AdapterKind): KernelDefinition<CrossEntropyBinding, CrossEntropyParam> => ({
  name: kind === "gpu" ? "loss.cross-entropy-backward-workgroup" : "loss.cross-entropy-backward",
  source,
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
  ...rowSums[kind],
});

/** All kinds give the same bits. */
export const crossEntropyVariant = (
  kind: AdapterKind,
): KernelVariant<CrossEntropyBinding, CrossEntropyParam> => specialise(backward(kind), {});
