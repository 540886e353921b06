// The kernels of a training step, compiled for one model on one queue.
import type { Pipeline } from "../gpu/pipelines.js";
import type { Queue } from "../gpu/queue.js";
import type { KernelVariant } from "../gpu/kernel.js";
import { activateVariant, type ActivateBinding, type ActivateParam } from "../kernels/activate.js";
import {
  attentionBackwardKeyValueVariant,
  attentionBackwardQueryVariant,
  type AttentionBackwardKeyValueBinding,
  type AttentionBackwardQueryBinding,
} from "../kernels/attention-backward.js";
import type { AttentionBinding, AttentionParam } from "../kernels/attention.js";
import {
  crossEntropyVariant,
  type CrossEntropyBinding,
  type CrossEntropyParam,
} from "../kernels/cross-entropy.js";
import {
  embeddingBackwardVariant,
  type EmbeddingBackwardBinding,
  type EmbeddingBackwardParam,
} from "../kernels/embedding-backward.js";
import { embeddingVariant, type EmbeddingBinding, type EmbeddingParam } from "../kernels/embedding.js";
import {
  layerNormBackwardInputVariant,
  layerNormBackwardWeightVariant,
  type LayerNormBackwardInputBinding,
  type LayerNormBackwardInputParam,
  type LayerNormBackwardWeightBinding,
  type LayerNormBackwardWeightParam,
} from "../kernels/layer-norm-backward.js";
import { layerNormVariant, type LayerNormBinding, type LayerNormParam } from "../kernels/layer-norm.js";
import {
  linearBackwardInputVariant,
  linearBackwardWeightVariant,
  type LinearBackwardInputBinding,
  type LinearBackwardParam,
  type LinearBackwardWeightBinding,
  type LinearBackwardWeightParam,
} from "../kernels/linear-backward.js";
import { Activation, type LinearBinding, type LinearParam } from "../kernels/linear.js";
import { attentionFamilies, linearFamilies } from "../kernels/registry.js";
import { weightSumVariant, type WeightSumBinding, type WeightSumParam } from "../kernels/weight-slabs.js";
import { activationOf } from "../model/gpt2-forward.js";
import type { Gpt2Dimensions } from "../model/gpt2-dimensions.js";
import type { Gpt2Config } from "../weights/gpt2-config.js";

type LinearPipeline = Pipeline<LinearBinding, LinearParam>;
type InputPipeline = Pipeline<LinearBackwardInputBinding, LinearBackwardParam>;
type WeightPipeline = Pipeline<LinearBackwardWeightBinding, LinearBackwardWeightParam>;

/** By role. */
export interface TrainingPipelines {
  readonly embedding: Pipeline<EmbeddingBinding, EmbeddingParam>;
  readonly norm: Pipeline<LayerNormBinding, LayerNormParam>;
  readonly linear: LinearPipeline;
  readonly copyRows: Pipeline<ActivateBinding, ActivateParam>;
  readonly activate: Pipeline<ActivateBinding, ActivateParam>;
  readonly attention: Pipeline<AttentionBinding, AttentionParam>;
  readonly crossEntropy: Pipeline<CrossEntropyBinding, CrossEntropyParam>;
  readonly input: InputPipeline;
  readonly weight: WeightPipeline;
  readonly weightSum: Pipeline<WeightSumBinding, WeightSumParam>;
  readonly normInput: Pipeline<LayerNormBackwardInputBinding, LayerNormBackwardInputParam>;
  readonly normWeight: Pipeline<LayerNormBackwardWeightBinding, LayerNormBackwardWeightParam>;
  readonly attentionQuery: Pipeline<AttentionBackwardQueryBinding, AttentionParam>;
  readonly attentionKeyValue: Pipeline<AttentionBackwardKeyValueBinding, AttentionParam>;
  readonly embeddingBackward: Pipeline<EmbeddingBackwardBinding, EmbeddingBackwardParam>;
}

/** Compiles all of them at once. Throws ShaderError. */
export async function compileTraining(
  queue: Queue,
  config: Gpt2Config,
  dimensions: Gpt2Dimensions,
): Promise<TrainingPipelines> {
  const roles = Object.entries(variantsOf(config, dimensions));
  const compiled = await Promise.all(
    roles.map(async ([role, variant]) => [role, await queue.pipelines.get(variant)] as const),
  );
  return Object.fromEntries(compiled) as unknown as TrainingPipelines;
}

function variantsOf(
  config: Gpt2Config,
  { headVectors, pageTokens }: Gpt2Dimensions,
): Record<keyof TrainingPipelines, KernelVariant> {
  const activation = activationOf[config.activation];
  const { none } = Activation;
  const attention = { headVectors, isCausal: true };
  return {
    embedding: embeddingVariant("f32"),
    norm: layerNormVariant("f32"),
    linear: linearFamilies[0].variant(activation, "f32"),
    copyRows: activateVariant(none, "f32"),
    activate: activateVariant(activation, "f32"),
    attention: attentionFamilies[0].variant({ ...attention, pageTokens }, "f32"),
    crossEntropy: crossEntropyVariant("f32"),
    input: linearBackwardInputVariant(activation, "f32"),
    weight: linearBackwardWeightVariant("f32"),
    weightSum: weightSumVariant("f32"),
    normInput: layerNormBackwardInputVariant("f32"),
    normWeight: layerNormBackwardWeightVariant("f32"),
    attentionQuery: attentionBackwardQueryVariant(attention, "f32"),
    attentionKeyValue: attentionBackwardKeyValueVariant(attention, "f32"),
    embeddingBackward: embeddingBackwardVariant("f32"),
  };
}
