// Lists every variant of every kernel that weft can compile. Only tests and the table of compiled kernels import it, because it
// brings the shaders of training along.
import type { ElementType, KernelVariant } from "../gpu/kernel.js";
import { activateVariant } from "./activation/activate.js";
import { gateBackwardVariant } from "./activation/gate-backward.js";
import { gateVariant } from "./activation/gate.js";
import { scaleVariant } from "./activation/scale.js";
import { attentionBackwardKeyValueVariant, attentionBackwardQueryVariant } from "./attention/backward.js";
import { copySlotsVariant } from "./attention/copy-slots.js";
import { crossEntropyVariant } from "./loss/cross-entropy.js";
import { embeddingBackwardVariant } from "./embedding/backward.js";
import { embeddingVariant } from "./embedding/embedding.js";
import { normBackwardInputVariant, normBackwardWeightVariant } from "./norm/backward.js";
import { addedNormVariant } from "./norm/added-norm.js";
import { normVariant, type NormOptions } from "./norm/norm.js";
import { linearBackwardInputVariant, linearBackwardWeightVariant } from "./linear/backward.js";
import { gpuFormats, type GpuFormatName } from "../tensor/blocks/gpu-layout.js";
import { adjustLogitsVariant } from "./loss/adjust-logits.js";
import { logProbabilityStages } from "./loss/log-probability.js";
import {
  adamwVariant,
  addVariant,
  sgdVariant,
  sumSquaresVariant,
  sumVariant,
} from "./optimizer/optimizer.js";
import { rotaryBackwardVariant } from "./rotary/backward.js";
import { finishVariant, TANH } from "./pooling/finish.js";
import { poolingVariant } from "./pooling/pooling.js";
import { normedRotaryVariant } from "./rotary/normed.js";
import { rotaryVariant } from "./rotary/rotary.js";
import { weightSumVariant } from "./linear/weight-sum.js";
import { Activation } from "./linear/linear.js";
import { invocationChooseToken } from "./sampling/choose-token.js";
import { attentionOutput, gatedOutput, rowOutput } from "./linear/output.js";
import { attentionKernels, chooseTokenKernels, halfLinearKernels, linearKernels } from "./registry.js";

const softwareShape = {
  headVectors: 1,
  group: 1,
  isCausal: true,
  isCapped: false,
  pageTokens: 4,
  keyValues: "f32",
} as const;

const keyValueFormats = ["f32", "f16"] as const;

const adapterKinds = ["software", "gpu"] as const;

/** Heads of queries and of keys that are as many, and four to one with capped scores. */
const attentionKinds = [
  { group: 1, isCapped: false },
  { group: 4, isCapped: true },
] as const;

/** Norms of what products read, of rows of 768 numbers. */
const inputNorms = (["layer", "rms"] as const).map((method) => ({
  method,
  vectors: 192,
  width: 768,
  epsilon: 1e-5,
  gainOffset: 0 as const,
}));

/**
 * Every variant, with attention for the given head widths (in vec4s). Only those that read stored weights depend on `element`; with
 * "f32" they are also listed for bf16 and for every format of quantised weights.
 */
export function listVariants(element: ElementType, headVectors: readonly number[]): KernelVariant[] {
  const linears = element === "f16" ? [...linearKernels, ...halfLinearKernels] : linearKernels;
  const activations = Object.values(Activation);
  const elements =
    element === "f32"
      ? [element, "bf16" as const, ...(Object.keys(gpuFormats) as GpuFormatName[])]
      : [element];
  const weightReaders = elements.flatMap((own) => [
    ...[false, true].flatMap((positions) =>
      [false, true].map((tokenTypes) => embeddingVariant(own, { positions, tokenTypes })),
    ),
    ...linears.flatMap((kernel) => [
      // How weights are read does not depend on the activation.
      ...(own === element ? activations : [Activation.silu]).flatMap((activation) => [
        kernel.variant(activation, own, rowOutput),
        kernel.variant(activation, own, gatedOutput),
      ]),
      ...keyValueFormats.map((format) => kernel.variant(Activation.none, own, attentionOutput(format))),
      ...(kernel.normedVariant
        ? inputNorms.flatMap((norm) => [
            kernel.normedVariant!(Activation.silu, own, rowOutput, norm),
            kernel.normedVariant!(Activation.silu, own, gatedOutput, norm),
            kernel.normedVariant!(Activation.none, own, attentionOutput("f32"), norm),
          ])
        : []),
    ]),
  ]);
  const attentionShapes = headVectors.flatMap((vectors) =>
    [false, true].flatMap((isCausal) =>
      attentionKinds.map((kind) => ({ headVectors: vectors, isCausal, ...kind })),
    ),
  );
  const norms = (["layer", "rms"] as const).flatMap((method) =>
    [16, 192].map((vectors): NormOptions => ({ method, vectors })),
  );
  return [
    ...weightReaders,
    ...norms.map(normVariant),
    ...[16, 192].map(addedNormVariant),
    ...keyValueFormats.map(rotaryVariant),
    ...keyValueFormats.flatMap((format) => [16, 192].map((own) => normedRotaryVariant(own, format))),
    rotaryBackwardVariant,
    ...activations.flatMap((own) => [gateVariant(own), gateBackwardVariant(own)]),
    scaleVariant,
    adjustLogitsVariant,
    ...adapterKinds.flatMap((kind) => logProbabilityStages[kind]),
    ...chooseTokenKernels.flatMap(({ stages }) => stages),
    copySlotsVariant,
    poolingVariant,
    ...[...activations, TANH].map((own) => finishVariant(own)),
    ...attentionKernels.flatMap((kernel) =>
      attentionShapes.flatMap((shape) => [
        ...kernel.stages({ ...shape, pageTokens: 16, keyValues: "f32" }),
        // Merging does not read keys and values, so it has no variant of its own.
        ...kernel
          .stages({ ...shape, pageTokens: 16, keyValues: "f16" })
          .filter(({ definition }) => "KV" in definition.bindings),
      ]),
    ),
    ...activations.map(linearBackwardInputVariant),
    linearBackwardWeightVariant,
    weightSumVariant,
    ...attentionShapes.flatMap((shape) => [
      ...adapterKinds.map((kind) => attentionBackwardQueryVariant(shape, kind)),
      ...adapterKinds.map((kind) => attentionBackwardKeyValueVariant(shape, kind)),
    ]),
    ...activations.map(activateVariant),
    ...norms.map(normBackwardInputVariant),
    normBackwardWeightVariant,
    embeddingBackwardVariant,
    ...adapterKinds.map(crossEntropyVariant),
    adamwVariant,
    sgdVariant,
    sumSquaresVariant,
    sumVariant,
    addVariant,
  ];
}

/** Kernels that only software adapters are given: a GPU has too few registers for them, or too few lanes at work. */
const softwareKernels: ReadonlySet<string> = new Set([
  ...[...linearKernels, ...halfLinearKernels]
    .filter(({ isFor }) => isFor === "software")
    .map((kernel) => kernel.variant(Activation.none, "f32", rowOutput).definition.name),
  ...attentionKernels
    .filter(({ isFor }) => isFor === "software")
    .flatMap((kernel) => kernel.stages(softwareShape).map(({ definition }) => definition.name)),
  attentionBackwardQueryVariant(softwareShape, "software").definition.name,
  attentionBackwardKeyValueVariant(softwareShape, "software").definition.name,
  ...invocationChooseToken.stages.map(({ definition }) => definition.name),
  ...logProbabilityStages.software.map(({ definition }) => definition.name),
  crossEntropyVariant("software").definition.name,
]);

/** Whether a GPU may be given a kernel. */
export const isForGpus = ({ definition }: KernelVariant): boolean => !softwareKernels.has(definition.name);
