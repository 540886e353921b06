// Every kernel and every variant weft can compile: what tests go through, and where a new kernel is added. Where there
// are several kernels to choose from, each list names them all.
import type { ElementType, KernelVariant } from "../gpu/kernel.js";
import { registerTiledAttention, type AttentionKernel } from "./attention/attention.js";
import { activateVariant } from "./activation/activate.js";
import { fewRowAttention } from "./attention/few-row.js";
import { workgroupTiledAttention } from "./attention/workgroup.js";
import { attentionBackwardKeyValueVariant, attentionBackwardQueryVariant } from "./attention/backward.js";
import { workgroupChooseToken } from "./sampling/choose-token-workgroup.js";
import { invocationChooseToken, type ChooseTokenKernel } from "./sampling/choose-token.js";
import { copySlotsVariant } from "./attention/copy-slots.js";
import { crossEntropyVariant } from "./loss/cross-entropy.js";
import { embeddingBackwardVariant } from "./embedding/backward.js";
import { embeddingVariant } from "./embedding/embedding.js";
import { layerNormBackwardInputVariant, layerNormBackwardWeightVariant } from "./norm/layer-norm-backward.js";
import { layerNormVariant } from "./norm/layer-norm.js";
import { linearBackwardInputVariant, linearBackwardWeightVariant } from "./linear/backward.js";
import { Activation, registerTiledLinear, type LinearKernel } from "./linear/linear.js";
import { fewRowHalfLinear, registerTiledHalfLinear } from "./linear/half.js";
import { fewRowLinear } from "./linear/few-row.js";
import { subgroupTiledLinears } from "./linear/subgroup.js";
import { workgroupTiledHalfLinears, workgroupTiledLinears } from "./linear/workgroup.js";
import { logProbabilityVariant } from "./loss/log-probability.js";
import {
  adamwVariant,
  addVariant,
  sgdVariant,
  sumSquaresVariant,
  sumVariant,
} from "./optimizer/optimizer.js";
import { weightSumVariant } from "./linear/weight-slabs.js";

/** The first entry of a list is the one that runs on every adapter. */
export const linearKernels: readonly [LinearKernel, ...LinearKernel[]] = [
  registerTiledLinear,
  fewRowLinear,
  ...subgroupTiledLinears,
  ...workgroupTiledLinears,
];
/** With products in f16, which all need shader-f16. They give the same bits among themselves. */
export const halfLinearKernels: readonly [LinearKernel, ...LinearKernel[]] = [
  registerTiledHalfLinear,
  fewRowHalfLinear,
  ...workgroupTiledHalfLinears,
];
export const attentionKernels: readonly [AttentionKernel, ...AttentionKernel[]] = [
  registerTiledAttention,
  fewRowAttention,
  workgroupTiledAttention,
];

export const chooseTokenKernels: readonly [ChooseTokenKernel, ...ChooseTokenKernel[]] = [
  invocationChooseToken,
  workgroupChooseToken,
];

/** Every variant, with attention for the given head widths (in vec4s). Only those that read stored weights depend on `element`. */
export function listVariants(element: ElementType, headVectors: readonly number[]): KernelVariant[] {
  const linears = element === "f16" ? [...linearKernels, ...halfLinearKernels] : linearKernels;
  const activations = Object.values(Activation);
  const weightReaders = [
    embeddingVariant(element),
    ...linears.flatMap((kernel) => activations.map((activation) => kernel.variant(activation, element))),
  ];
  const attentionShapes = headVectors.flatMap((vectors) =>
    [false, true].map((isCausal) => ({ headVectors: vectors, isCausal })),
  );
  return [
    ...weightReaders,
    layerNormVariant,
    logProbabilityVariant,
    ...chooseTokenKernels.map(({ variant }) => variant),
    copySlotsVariant,
    ...attentionKernels.flatMap((kernel) =>
      attentionShapes.map((shape) => kernel.variant({ ...shape, pageTokens: 16 })),
    ),
    ...activations.map(linearBackwardInputVariant),
    linearBackwardWeightVariant,
    weightSumVariant,
    ...attentionShapes.flatMap((shape) => [
      attentionBackwardQueryVariant(shape),
      attentionBackwardKeyValueVariant(shape),
    ]),
    ...activations.map(activateVariant),
    layerNormBackwardInputVariant,
    layerNormBackwardWeightVariant,
    embeddingBackwardVariant,
    crossEntropyVariant,
    adamwVariant,
    sgdVariant,
    sumSquaresVariant,
    sumVariant,
    addVariant,
  ];
}
