// Log-probability of one given token per row of logits: a row per invocation on software adapters; on GPUs many workgroups per row,
// and then an invocation that merges what they found. Same bits.
import rowSum from "../../../shaders/common/row-sum.wgsl?raw";
import spans from "../../../shaders/common/spans.wgsl?raw";
import source from "../../../shaders/loss/log-probability.wgsl?raw";
import mergeSource from "../../../shaders/loss/log-probability-spans.wgsl?raw";
import spanSource from "../../../shaders/loss/span-sums.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";
import { countSpans } from "../spans.js";
import type { AdapterKind } from "../workgroup-needs.js";

export type LogProbabilityBinding = "logits" | "targets" | "partials" | "logProbability";
export type LogProbabilityParam = "rowCount" | "vocabulary" | "rowStride" | "firstTarget";

const params = { rowCount: "u32", vocabulary: "u32", rowStride: "u32", firstTarget: "u32" } as const;

const whole: KernelDefinition<Exclude<LogProbabilityBinding, "partials">, LogProbabilityParam> = {
  name: "loss.log-probability",
  source,
  common: [spans, rowSum],
  bindings: { logits: "read", targets: "read", logProbability: "readWrite" },
  params,
  grid: ({ rowCount }) => foldGrid(Math.ceil(rowCount / 8)),
};

const spanSums: KernelDefinition<"logits" | "partials", LogProbabilityParam> = {
  name: "loss.span-sums",
  source: spanSource,
  common: [spans],
  bindings: { logits: "read", partials: "readWrite" },
  params,
  grid: ({ rowCount, vocabulary }) => foldGrid(rowCount * countSpans(vocabulary)),
};

const merge: KernelDefinition<LogProbabilityBinding, LogProbabilityParam> = {
  name: "loss.log-probability-spans",
  source: mergeSource,
  common: [spans],
  bindings: { logits: "read", targets: "read", partials: "read", logProbability: "readWrite" },
  params,
  grid: ({ rowCount }) => foldGrid(Math.ceil(rowCount / 64)),
};

/** Bytes of what a row's spans leave for the second dispatch. */
export const logProbabilityPartialBytes = (vocabulary: number): number => 8 * countSpans(vocabulary);

/** The dispatches of a kind, in order. Their bindings are among all of them. */
export const logProbabilityStages: Readonly<
  Record<AdapterKind, readonly KernelVariant<string, LogProbabilityParam>[]>
> = {
  software: [specialise(whole, {})],
  gpu: [specialise(spanSums, {}), specialise(merge, {})],
};
