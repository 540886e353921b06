// The kernels of a training step, compiled for one model on one queue.
import type { PipelineOf } from "../gpu/pipelines.js";
import type { Queue } from "../gpu/queue.js";
import type { KernelVariant } from "../gpu/kernel.js";
import { activateVariant } from "../kernels/activation/activate.js";
import {
  attentionBackwardKeyValueVariant,
  attentionBackwardQueryVariant,
} from "../kernels/attention/backward.js";
import { crossEntropyVariant } from "../kernels/loss/cross-entropy.js";
import { embeddingBackwardVariant } from "../kernels/embedding/backward.js";
import {
  layerNormBackwardInputVariant,
  layerNormBackwardWeightVariant,
} from "../kernels/norm/layer-norm-backward.js";
import { linearBackwardInputVariant, linearBackwardWeightVariant } from "../kernels/linear/backward.js";
import { Activation } from "../kernels/linear/linear.js";
import { weightSumVariant } from "../kernels/linear/weight-slabs.js";
import { activationOf, type Gpt2Pipelines } from "./gpt2-forward.js";
import type { ModelShape } from "./shape.js";
import type { ModelConfig } from "../families/gpt2-config.js";

/** By role, beside those of the forward pass. */
interface OwnPipelines {
  readonly copyRows: PipelineOf<typeof activateVariant>;
  readonly activate: PipelineOf<typeof activateVariant>;
  readonly crossEntropy: PipelineOf<typeof crossEntropyVariant>;
  readonly input: PipelineOf<typeof linearBackwardInputVariant>;
  readonly weight: PipelineOf<typeof linearBackwardWeightVariant>;
  readonly weightSum: PipelineOf<typeof weightSumVariant>;
  readonly normInput: PipelineOf<typeof layerNormBackwardInputVariant>;
  readonly normWeight: PipelineOf<typeof layerNormBackwardWeightVariant>;
  readonly attentionQuery: PipelineOf<typeof attentionBackwardQueryVariant>;
  readonly attentionKeyValue: PipelineOf<typeof attentionBackwardKeyValueVariant>;
  readonly embeddingBackward: PipelineOf<typeof embeddingBackwardVariant>;
}

/** What a step of training runs: the forward pass with the kernels that the model uses, and what only training needs. */
export type TrainingPipelines = Omit<Gpt2Pipelines, "logProbability"> & OwnPipelines;

/** Compiles all of them at once. `forward`: of the model. Throws ShaderError. */
export async function compileTraining(
  queue: Queue,
  config: ModelConfig,
  dimensions: ModelShape,
  forward: Gpt2Pipelines,
): Promise<TrainingPipelines> {
  const roles = Object.entries(variantsOf(config, dimensions));
  const compiled = await Promise.all(
    roles.map(async ([role, variant]) => [role, await queue.pipelines.get(variant)] as const),
  );
  return { ...forward, ...(Object.fromEntries(compiled) as unknown as OwnPipelines) };
}

function variantsOf(
  config: ModelConfig,
  { headVectors }: ModelShape,
): Record<keyof OwnPipelines, KernelVariant> {
  const activation = activationOf[config.activation];
  const { none } = Activation;
  const attention = { headVectors, isCausal: true };
  return {
    copyRows: activateVariant(none),
    activate: activateVariant(activation),
    crossEntropy: crossEntropyVariant,
    input: linearBackwardInputVariant(activation),
    weight: linearBackwardWeightVariant,
    weightSum: weightSumVariant,
    normInput: layerNormBackwardInputVariant,
    normWeight: layerNormBackwardWeightVariant,
    attentionQuery: attentionBackwardQueryVariant(attention),
    attentionKeyValue: attentionBackwardKeyValueVariant(attention),
    embeddingBackward: embeddingBackwardVariant,
  };
}
