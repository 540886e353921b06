// The kernels that only training needs, compiled for one model on one queue.
import type { PipelineOf } from "../gpu/pipelines.js";
import type { Queue } from "../gpu/queue.js";
import type { AttentionStep } from "../families/recipe.js";
import { activateVariant } from "../kernels/activation/activate.js";
import { gateBackwardVariant } from "../kernels/activation/gate-backward.js";
import {
  attentionBackwardKeyValueVariant,
  attentionBackwardQueryVariant,
} from "../kernels/attention/backward.js";
import { embeddingBackwardVariant } from "../kernels/embedding/backward.js";
import { linearBackwardInputVariant, linearBackwardWeightVariant } from "../kernels/linear/backward.js";
import { Activation } from "../kernels/linear/linear.js";
import { weightSumVariant } from "../kernels/linear/weight-sum.js";
import { adapterKindOf } from "../kernels/workgroup-needs.js";
import { crossEntropyVariant } from "../kernels/loss/cross-entropy.js";
import { rotaryBackwardVariant } from "../kernels/rotary/backward.js";
import { normBackwardInputVariant, normBackwardWeightVariant } from "../kernels/norm/backward.js";
import { activationOf, type ActivatePipeline } from "../layers/activation.js";
import { attentionOptionsOf, type AttentionBackwardPipelines } from "../layers/attention.js";
import type { LinearBackwardPipelines } from "../layers/linear.js";
import type { NormBackwardPipelines } from "../layers/norm.js";
import type { ModelDefinition } from "./definition.js";
import { compileNorms, compileSteps, hasKind, normsOf, type StepPipelines } from "./pipelines.js";

export interface BackwardPipelines extends LinearBackwardPipelines, NormBackwardPipelines {
  /** The steps of the forward pass, none of which shares a dispatch with another: training keeps what each of them gives. */
  readonly steps: StepPipelines;
  readonly copyRows: ActivatePipeline;
  readonly activate: ActivatePipeline;
  /** Undefined if no step needs it, as is the next one. */
  readonly gate: PipelineOf<ReturnType<typeof gateBackwardVariant>> | undefined;
  readonly rotary: PipelineOf<typeof rotaryBackwardVariant> | undefined;
  readonly crossEntropy: PipelineOf<ReturnType<typeof crossEntropyVariant>>;
  readonly embedding: PipelineOf<typeof embeddingBackwardVariant>;
  /** One per layer. */
  readonly attention: readonly AttentionBackwardPipelines[];
}

/** Compiles all of them at once. Throws ShaderError. */
export async function compileBackward(queue: Queue, model: ModelDefinition): Promise<BackwardPipelines> {
  const { pipelines } = queue;
  const adapterKind = adapterKindOf(queue.adapter);
  const { config, shape, program } = model;
  const activation = activationOf[config.activation];
  const all = program.segments.flatMap(({ steps }) => steps);
  const compileAttention = (step: AttentionStep): Promise<AttentionBackwardPipelines> => {
    const options = attentionOptionsOf(shape, step);
    return Promise.all([
      pipelines.get(attentionBackwardQueryVariant(options, adapterKind)),
      pipelines.get(attentionBackwardKeyValueVariant(options, adapterKind)),
    ]).then(([attentionQuery, attentionKeyValue]) => ({ attentionQuery, attentionKeyValue }));
  };
  const [
    steps,
    copyRows,
    activate,
    gate,
    rotary,
    crossEntropy,
    embedding,
    input,
    weight,
    weightSum,
    normInput,
    normWeight,
    attention,
  ] = await Promise.all([
    compileSteps(queue, model, all),
    pipelines.get(activateVariant(Activation.none)),
    pipelines.get(activateVariant(activation)),
    hasKind(all, "gate") ? pipelines.get(gateBackwardVariant(activation)) : undefined,
    hasKind(all, "rotary") ? pipelines.get(rotaryBackwardVariant) : undefined,
    pipelines.get(crossEntropyVariant(adapterKind)),
    pipelines.get(embeddingBackwardVariant),
    pipelines.get(linearBackwardInputVariant(activation)),
    pipelines.get(linearBackwardWeightVariant),
    pipelines.get(weightSumVariant),
    compileNorms(normsOf(all), (options) => pipelines.get(normBackwardInputVariant(options))),
    pipelines.get(normBackwardWeightVariant),
    Promise.all(program.attention.map(({ step }) => compileAttention(step))),
  ]);
  return {
    steps,
    copyRows,
    activate,
    gate,
    rotary,
    crossEntropy,
    embedding,
    input,
    weight,
    weightSum,
    normInput,
    normWeight,
    attention,
  };
}
