// Log-probability of one given token per row of logits.
import logSum from "../../../shaders/common/log-sum.wgsl?raw";
import source from "../../../shaders/loss/log-probability.wgsl?raw";
import { specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";

export type LogProbabilityBinding = "logits" | "targets" | "logProbability";
export type LogProbabilityParam = "rowCount" | "vocabulary" | "rowStride" | "firstTarget";

const forward: KernelDefinition<LogProbabilityBinding, LogProbabilityParam> = {
  name: "loss.log-probability",
  source,
  common: [logSum],
  bindings: { logits: "read", targets: "read", logProbability: "readWrite" },
  params: { rowCount: "u32", vocabulary: "u32", rowStride: "u32", firstTarget: "u32" },
  grid: ({ rowCount }) => [Math.ceil(rowCount / 64), 1, 1],
};

export const logProbabilityVariant: KernelVariant<LogProbabilityBinding, LogProbabilityParam> = specialise(
  forward,
  {},
);
