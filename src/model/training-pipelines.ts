// The kernels of a training step, compiled for one model on one queue.
import type { Pipeline } from "../gpu/pipelines.js";
import type { Queue } from "../gpu/queue.js";
import type { KernelVariant } from "../gpu/kernel.js";
import { activateVariant, type ActivateBinding, type ActivateParam } from "../kernels/activation/activate.js";
import {
  attentionBackwardKeyValueVariant,
  attentionBackwardQueryVariant,
  type AttentionBackwardKeyValueBinding,
  type AttentionBackwardQueryBinding,
} from "../kernels/attention/backward.js";
import type { AttentionParam } from "../kernels/attention/attention.js";
import {
  crossEntropyVariant,
  type CrossEntropyBinding,
  type CrossEntropyParam,
} from "../kernels/loss/cross-entropy.js";
import {
  embeddingBackwardVariant,
  type EmbeddingBackwardBinding,
  type EmbeddingBackwardParam,
} from "../kernels/embedding/backward.js";
import {
  layerNormBackwardInputVariant,
  layerNormBackwardWeightVariant,
  type LayerNormBackwardInputBinding,
  type LayerNormBackwardWeightBinding,
  type LayerNormBackwardWeightParam,
} from "../kernels/norm/layer-norm-backward.js";
import type { LayerNormParam } from "../kernels/norm/layer-norm.js";
import {
  linearBackwardInputVariant,
  linearBackwardWeightVariant,
  type LinearBackwardInputBinding,
  type LinearBackwardParam,
  type LinearBackwardWeightBinding,
  type LinearBackwardWeightParam,
} from "../kernels/linear/backward.js";
import { Activation } from "../kernels/linear/linear.js";
import {
  weightSumVariant,
  type WeightSumBinding,
  type WeightSumParam,
} from "../kernels/linear/weight-slabs.js";
import { activationOf, type Gpt2Pipelines } from "./gpt2-forward.js";
import type { ModelShape } from "./shape.js";
import type { ModelConfig } from "../families/gpt2-config.js";

type InputPipeline = Pipeline<LinearBackwardInputBinding, LinearBackwardParam>;
type WeightPipeline = Pipeline<LinearBackwardWeightBinding, LinearBackwardWeightParam>;

/** By role, beside those of the forward pass. */
interface OwnPipelines {
  readonly copyRows: Pipeline<ActivateBinding, ActivateParam>;
  readonly activate: Pipeline<ActivateBinding, ActivateParam>;
  readonly crossEntropy: Pipeline<CrossEntropyBinding, CrossEntropyParam>;
  readonly input: InputPipeline;
  readonly weight: WeightPipeline;
  readonly weightSum: Pipeline<WeightSumBinding, WeightSumParam>;
  readonly normInput: Pipeline<LayerNormBackwardInputBinding, LayerNormParam>;
  readonly normWeight: Pipeline<LayerNormBackwardWeightBinding, LayerNormBackwardWeightParam>;
  readonly attentionQuery: Pipeline<AttentionBackwardQueryBinding, AttentionParam>;
  readonly attentionKeyValue: Pipeline<AttentionBackwardKeyValueBinding, AttentionParam>;
  readonly embeddingBackward: Pipeline<EmbeddingBackwardBinding, EmbeddingBackwardParam>;
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
