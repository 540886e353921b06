// The kernels of a model's forward pass, compiled on one queue.
import type { ElementType, KernelVariant } from "../gpu/kernel.js";
import type { Pipeline, PipelineOf } from "../gpu/pipelines.js";
import type { Queue } from "../gpu/queue.js";
import type { ByRows, KernelChoice } from "../kernels/by-rows.js";
import { embeddingVariant } from "../kernels/embedding/embedding.js";
import { logProbabilityVariant } from "../kernels/loss/log-probability.js";
import { normVariant, type NormOptions } from "../kernels/norm/norm.js";
import { widthOf } from "../families/recipe.js";
import { activationOf } from "../layers/activation.js";
import type { AttentionPipelines } from "../layers/attention.js";
import type { EmbeddingPipeline } from "../layers/embedding.js";
import type { LinearPipelines } from "../layers/linear.js";
import { normKey, type NormPipelines } from "../layers/norm.js";
import type { WeightFormat } from "../tensor/formats.js";
import { invariant } from "../util/invariant.js";
import { axisOf } from "./axis.js";
import type { ModelDefinition } from "./definition.js";

export interface ForwardPipelines {
  /** One per format in which matrices are stored, as a model may mix formats. */
  readonly linear: ReadonlyMap<WeightFormat, LinearPipelines>;
  readonly embedding: ReadonlyMap<WeightFormat, EmbeddingPipeline>;
  readonly norm: NormPipelines;
  /** One per layer. */
  readonly attention: readonly AttentionPipelines[];
  readonly logProbability: PipelineOf<typeof logProbabilityVariant>;
}

/** How a queue's shaders read weights of a format. */
export const elementTypeOf = (queue: Queue, format: WeightFormat): ElementType =>
  format === "f32" || queue.adapter.hasShaderF16 ? format : "packed-f16";

/** Compiles what the model needs, all at once. `formats` are those of its matrices. Throws ShaderError. */
export async function compileForward(
  queue: Queue,
  { config, recipe, shape, program }: ModelDefinition,
  formats: readonly WeightFormat[],
  choice: KernelChoice,
): Promise<ForwardPipelines> {
  const activation = activationOf[config.activation];
  const byFormat = async <P>(compile: (element: ElementType) => Promise<P>): Promise<Map<WeightFormat, P>> =>
    new Map(
      await Promise.all(
        formats.map(async (format) => [format, await compile(elementTypeOf(queue, format))] as const),
      ),
    );
  const compileBoth = async <F, B extends string, P extends string>(
    kernels: ByRows<F>,
    variantOf: (kernel: F) => KernelVariant<B, P>,
  ): Promise<ByRows<Pipeline<B, P>>> => {
    const [few, many] = await Promise.all([
      queue.pipelines.get(variantOf(kernels.few)),
      queue.pipelines.get(variantOf(kernels.many)),
    ]);
    return { few, many };
  };
  const compileAttention = async (): Promise<AttentionPipelines[]> =>
    Promise.all(
      program.attention.map(({ step }) => {
        invariant(
          step.window === undefined && step.cap === undefined && shape.heads === shape.keyValueHeads,
          "attention with windows, caps or grouped heads has no kernel yet",
        );
        const options = { ...shape, isCausal: step.causal };
        return compileBoth(choice.attention, (kernel) => kernel.variant(options));
      }),
    );
  const [embedding, norm, linear, attention, logProbability] = await Promise.all([
    byFormat((element) => queue.pipelines.get(embeddingVariant(element))),
    compileNorms(normsOf({ config, recipe, program }), (options) =>
      queue.pipelines.get(normVariant(options)),
    ),
    byFormat((element) => compileBoth(choice.linear, (kernel) => kernel.variant(activation, element))),
    compileAttention(),
    queue.pipelines.get(logProbabilityVariant),
  ]);
  return { embedding, norm, linear, attention, logProbability };
}

/** The kinds of norms that the steps of a program need. */
export function normsOf({
  config,
  recipe,
  program,
}: Pick<ModelDefinition, "config" | "recipe" | "program">): readonly NormOptions[] {
  return program.segments.flatMap(({ steps }) =>
    steps.flatMap(({ step }) =>
      step.kind === "norm"
        ? [{ method: step.method, vectors: axisOf(step.over ?? widthOf(step.from, recipe), config).vectors }]
        : [],
    ),
  );
}

/** One pipeline per kind of norm. */
export async function compileNorms<P>(
  norms: readonly NormOptions[],
  compile: (options: NormOptions) => Promise<P>,
): Promise<ReadonlyMap<string, P>> {
  const byKey = new Map(norms.map((options) => [normKey(options.method, options.vectors), options]));
  return new Map(
    await Promise.all([...byKey].map(async ([key, options]) => [key, await compile(options)] as const)),
  );
}
