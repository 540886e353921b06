// The kernels of a model's forward pass, compiled on one queue.
import type { ElementType, KernelVariant } from "../gpu/kernel.js";
import type { Pipeline, PipelineOf } from "../gpu/pipelines.js";
import type { Queue } from "../gpu/queue.js";
import type { ByRows, KernelChoice } from "../kernels/by-rows.js";
import { gateVariant } from "../kernels/activation/gate.js";
import { scaleVariant } from "../kernels/activation/scale.js";
import { storeHalfVariant } from "../kernels/attention/store-half.js";
import { embeddingVariant } from "../kernels/embedding/embedding.js";
import { adjustLogitsVariant } from "../kernels/loss/adjust-logits.js";
import { adapterKindOf } from "../kernels/workgroup-needs.js";
import { logProbabilityStages } from "../kernels/loss/log-probability.js";
import { rotaryVariant } from "../kernels/rotary/rotary.js";
import { normVariant, type NormOptions } from "../kernels/norm/norm.js";
import { widthOf, type Step } from "../families/recipe.js";
import { activationOf } from "../layers/activation.js";
import { attentionOptionsOf, type AttentionPipelines } from "../layers/attention.js";
import type { EmbeddingPipeline } from "../layers/embedding.js";
import type { LogProbabilityPipeline } from "../layers/head.js";
import type { LinearPipelines } from "../layers/linear.js";
import { normKey, type NormPipelines } from "../layers/norm.js";
import type { CacheFormat, WeightFormat } from "../tensor/formats.js";
import { axisOf } from "./axis.js";
import type { ModelDefinition } from "./definition.js";

export interface ForwardPipelines {
  /** One per format in which matrices are stored, as a model may mix formats. */
  readonly linear: ReadonlyMap<WeightFormat, LinearPipelines>;
  readonly embedding: ReadonlyMap<WeightFormat, EmbeddingPipeline>;
  readonly norm: NormPipelines;
  /** Undefined if no step needs it, as are the next three. */
  readonly gate: PipelineOf<ReturnType<typeof gateVariant>> | undefined;
  readonly scale: PipelineOf<typeof scaleVariant> | undefined;
  readonly rotary: RotaryPipeline | undefined;
  readonly adjustLogits: PipelineOf<typeof adjustLogitsVariant> | undefined;
  /** One per layer. */
  readonly attention: readonly AttentionPipelines[];
  readonly logProbability: LogProbabilityPipeline;
  /** If the cache of generation is in f16, what reads and writes it instead. */
  readonly halfCache: HalfCachePipelines | undefined;
}

type RotaryPipeline = PipelineOf<ReturnType<typeof rotaryVariant>>;

export interface HalfCachePipelines {
  readonly attention: readonly AttentionPipelines[];
  readonly rotary: RotaryPipeline | undefined;
  /** For keys and values that no rotary step stores. */
  readonly store: PipelineOf<typeof storeHalfVariant> | undefined;
}

/** How a queue's shaders read weights of a format. */
export const elementTypeOf = (queue: Queue, format: WeightFormat): ElementType =>
  format !== "f16" || queue.adapter.hasShaderF16 ? format : "packed-f16";

/** Compiles what the model needs, all at once. `formats` are those of its matrices, `cache` that of generation. Throws ShaderError. */
export async function compileForward(
  queue: Queue,
  { config, recipe, shape, program }: ModelDefinition,
  formats: readonly WeightFormat[],
  choice: KernelChoice,
  cache: CacheFormat,
): Promise<ForwardPipelines> {
  const activation = activationOf[config.activation];
  const byFormat = async <P>(compile: (element: ElementType) => Promise<P>): Promise<Map<WeightFormat, P>> =>
    new Map(
      await Promise.all(
        formats.map(async (format) => [format, await compile(elementTypeOf(queue, format))] as const),
      ),
    );
  const compileAttention = async (keyValues: CacheFormat): Promise<AttentionPipelines[]> =>
    Promise.all(
      program.attention.map(({ step }) => {
        const options = attentionOptionsOf(shape, step, keyValues);
        return compileBoth(choice.attention, async (kernel) => ({
          stages: await Promise.all(kernel.stages(options).map((stage) => queue.pipelines.get(stage))),
          isSplit: kernel.isSplit,
        }));
      }),
    );
  const kinds = stepKindsOf(program);
  const getIf = async <B extends string, P extends string>(
    isNeeded: boolean,
    variant: KernelVariant<B, P>,
  ): Promise<Pipeline<B, P> | undefined> => (isNeeded ? queue.pipelines.get(variant) : undefined);
  const compileHalfCache = async (): Promise<HalfCachePipelines> => {
    const [attention, rotary, store] = await Promise.all([
      compileAttention("f16"),
      getIf(kinds.has("rotary"), rotaryVariant("f16")),
      getIf(storesDirectly(program), storeHalfVariant),
    ]);
    return { attention, rotary, store };
  };
  const isAdjusted = recipe.head?.scale !== undefined || recipe.head?.cap !== undefined;
  const hasTable = (table: "positions" | "tokenTypes"): boolean =>
    recipe.embed.some((step) => step.kind === "lookUp" && step[table] !== undefined);
  const tables = { positions: hasTable("positions"), tokenTypes: hasTable("tokenTypes") };
  const [embedding, norm, gate, scale, rotary, adjustLogits, linear, attention, logProbability, halfCache] =
    await Promise.all([
      byFormat((element) => queue.pipelines.get(embeddingVariant(element, tables))),
      compileNorms(normsOf({ config, recipe, program }), (options) =>
        queue.pipelines.get(normVariant(options)),
      ),
      getIf(kinds.has("gate"), gateVariant(activation)),
      getIf(kinds.has("scale"), scaleVariant),
      getIf(kinds.has("rotary"), rotaryVariant("f32")),
      getIf(isAdjusted, adjustLogitsVariant),
      byFormat((element) =>
        compileBoth(choice.linear, (kernel) => queue.pipelines.get(kernel.variant(activation, element))),
      ),
      compileAttention("f32"),
      Promise.all(
        logProbabilityStages[adapterKindOf(queue.adapter)].map((stage) => queue.pipelines.get(stage)),
      ),
      cache === "f16" ? compileHalfCache() : undefined,
    ]);
  return {
    embedding,
    norm,
    gate,
    scale,
    rotary,
    adjustLogits,
    linear,
    attention,
    logProbability,
    halfCache,
  };
}

/** Whether any step but a rotary one writes keys and values as attention reads them. */
export function storesDirectly({ segments }: ModelDefinition["program"]): boolean {
  return segments.some(({ steps }) => steps.some(({ output }) => output.place === "keyValue"));
}

/** The kinds of steps that a program has. */
export function stepKindsOf({ segments }: ModelDefinition["program"]): ReadonlySet<Step["kind"]> {
  return new Set(segments.flatMap(({ steps }) => steps.map(({ step }) => step.kind)));
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

/** Compiles both kernels of a choice. */
async function compileBoth<K, P>(kernels: ByRows<K>, compile: (kernel: K) => Promise<P>): Promise<ByRows<P>> {
  const [few, many] = await Promise.all([compile(kernels.few), compile(kernels.many)]);
  return { few, many };
}
