// Log-probability of one given token per row of logits.
import source from "../../../shaders/loss/log-probability.wgsl?raw";
import { specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";
import type { AdapterKind } from "../workgroup-needs.js";
import { rowSums } from "./row-sums.js";

export type LogProbabilityBinding = "logits" | "targets" | "logProbability";
export type LogProbabilityParam = "rowCount" | "vocabulary" | "rowStride" | "firstTarget";

const forward = (kind: AdapterKind): KernelDefinition<LogProbabilityBinding, LogProbabilityParam> => ({
  name: kind === "gpu" ? "loss.log-probability-workgroup" : "loss.log-probability",
  source,
  bindings: { logits: "read", targets: "read", logProbability: "readWrite" },
  params: { rowCount: "u32", vocabulary: "u32", rowStride: "u32", firstTarget: "u32" },
  ...rowSums[kind],
});

/** All kinds give the same bits. */
export const logProbabilityVariant = (
  kind: AdapterKind,
): KernelVariant<LogProbabilityBinding, LogProbabilityParam> => specialise(forward(kind), {});
