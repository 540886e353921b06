// The kernels of a model's forward pass, compiled on one queue.
import type { ElementType, KernelVariant } from "../gpu/kernel.js";
import type { Pipeline, PipelineOf } from "../gpu/pipelines.js";
import type { Queue } from "../gpu/queue.js";
import type { ByRows, KernelChoice } from "../kernels/by-rows.js";
import { gateVariant } from "../kernels/activation/gate.js";
import { scaleVariant } from "../kernels/activation/scale.js";
import { embeddingVariant } from "../kernels/embedding/embedding.js";
import { adjustLogitsVariant } from "../kernels/loss/adjust-logits.js";
import { adapterKindOf } from "../kernels/workgroup-needs.js";
import { logProbabilityStages } from "../kernels/loss/log-probability.js";
import { normedRotaryVariant } from "../kernels/rotary/normed.js";
import { rotaryVariant } from "../kernels/rotary/rotary.js";
import { Activation, type InputNorm } from "../kernels/linear/linear.js";
import { attentionOutput, gatedOutput, rowOutput, type LinearOutput } from "../kernels/linear/output.js";
import { addedNormVariant } from "../kernels/norm/added-norm.js";
import { normLanes, normVariant, type NormOptions } from "../kernels/norm/norm.js";
import { widthOf, type Role } from "../families/recipe.js";
import { activationOf } from "../layers/activation.js";
import { attentionOptionsOf, type AttentionPipelines } from "../layers/attention.js";
import type { EmbeddingPipeline } from "../layers/embedding.js";
import type { LogProbabilityPipeline } from "../layers/head.js";
import type {
  AttentionInputPipelines,
  GatedPipelines,
  InputNormKey,
  LinearPipelines,
} from "../layers/linear.js";
import { normKey, type AddedNormPipelines, type NormPipelines } from "../layers/norm.js";
import type { CacheFormat, WeightFormat } from "../tensor/formats.js";
import { axisOf } from "./axis.js";
import type { ModelDefinition } from "./definition.js";
import { dispatchesOf, type ProductStep } from "./fuse.js";
import type { ProgramNorm, ProgramStep } from "./program.js";
import type { Parameter } from "./weights/parameters.js";

/** What computes the kinds of steps that have one kernel each. */
export interface StepPipelines {
  readonly norm: NormPipelines;
  /** Undefined if no step needs it, as are the next two. */
  readonly gate: PipelineOf<ReturnType<typeof gateVariant>> | undefined;
  readonly scale: PipelineOf<typeof scaleVariant> | undefined;
  readonly rotary: RotaryPipeline | undefined;
}

/** What writes and reads keys and values, which a cache may have in another format than the arena. */
export interface KeyValuePipelines {
  /** One per layer. */
  readonly attention: readonly AttentionPipelines[];
  /** One per format of matrices that need it. */
  readonly attentionInputs: ReadonlyMap<WeightFormat, AttentionInputPipelines>;
  /** By `normedLanes`. */
  readonly normedRotary: ReadonlyMap<number, NormedRotaryPipeline>;
  readonly rotary: RotaryPipeline | undefined;
}

export interface ForwardPipelines extends StepPipelines, KeyValuePipelines {
  /** One per format in which matrices are stored that need it, as a model may mix formats. So are the next two. */
  readonly linear: ReadonlyMap<WeightFormat, LinearPipelines>;
  readonly gated: ReadonlyMap<WeightFormat, GatedPipelines>;
  readonly embedding: ReadonlyMap<WeightFormat, EmbeddingPipeline>;
  readonly addedNorm: AddedNormPipelines;
  readonly adjustLogits: PipelineOf<typeof adjustLogitsVariant> | undefined;
  readonly logProbability: LogProbabilityPipeline;
  /** The kinds of products whose kernels for few rows normalise their input. */
  readonly normsWithin: ReadonlySet<ProductStep["kind"]>;
  /** If the cache of generation is in f16, what reads and writes it instead. */
  readonly halfCache: KeyValuePipelines | undefined;
}

type RotaryPipeline = PipelineOf<ReturnType<typeof rotaryVariant>>;

type NormedRotaryPipeline = PipelineOf<ReturnType<typeof normedRotaryVariant>>;

/** The lanes of norms of queries and of keys. */
export const normedLanes = ({ query }: { readonly query: ProgramNorm }): number =>
  normLanes(query.normVectors);

/** Tells the norms apart that products of a model compute within their dispatch. */
export const inputNormKey = ({ step, normVectors }: ProgramNorm): InputNormKey =>
  `${step.method} ${normVectors} ${step.gainOffset}`;

/** How a queue's shaders read weights of a format. */
export const elementTypeOf = (queue: Queue, format: WeightFormat): ElementType =>
  format !== "f16" || queue.adapter.hasShaderF16 ? format : "packed-f16";

/** Compiles what the model needs, all at once. `parameters` say how its matrices are stored. Throws ShaderError. */
export async function compileForward(
  queue: Queue,
  model: ModelDefinition,
  parameters: readonly Parameter[],
  choice: KernelChoice,
  cache: CacheFormat,
): Promise<ForwardPipelines> {
  const { config, recipe, shape, program, fused } = model;
  const activation = activationOf[config.activation];
  const products = fused.segments.flat().flatMap((own) => (own.kind === "normedProduct" ? [own] : []));
  const all = dispatchesOf(fused, new Set()).flat();
  const steps = all.flatMap((own) => (own.kind === "step" ? [own.step] : []));
  const rolesOf = (kind: "attentionInputs" | "gated" | "scaledLinear"): Role[] =>
    all.flatMap((own) => (own.kind === kind ? [own.linear.step.role] : []));
  const head = recipe.head ? [recipe.head.tied ? "tokens" : "head"] : [];
  const headSteps = [...(recipe.head?.transform ?? []), ...(recipe.classifier?.steps ?? [])];
  const rowRoles = [
    ...head,
    ...headSteps.flatMap((step) => (step.kind === "linear" ? [step.role] : [])),
    ...rolesOf("scaledLinear"),
    ...steps.flatMap(({ step }) => (step.kind === "linear" ? [step.role] : [])),
  ];
  const byFormat = async <P>(
    roles: readonly Role[],
    compile: (element: ElementType) => Promise<P>,
  ): Promise<Map<WeightFormat, P>> =>
    new Map(
      await Promise.all(
        formatsOf(parameters, roles).map(
          async (format) => [format, await compile(elementTypeOf(queue, format))] as const,
        ),
      ),
    );
  const { normedVariant } = choice.linear.few;
  const normsWithin = new Set<ProductStep["kind"]>();
  const byKernel = <B extends string, P extends string>(
    kind: ProductStep["kind"],
    roles: readonly Role[],
    output: LinearOutput<B, P>,
    own: Activation = activation,
  ) => {
    const inputs = 7 + Object.keys(output.bindings).length;
    const isWithin = normedVariant && inputs <= queue.device.limits.maxStorageBuffersPerShaderStage;
    if (isWithin) normsWithin.add(kind);
    return byFormat(roles, async (element) => {
      const [byRows, normed] = await Promise.all([
        compileBoth(choice.linear, (kernel) => queue.pipelines.get(kernel.variant(own, element, output))),
        isWithin &&
          compileEach(
            products.flatMap(({ product, norm }) => (product.kind === kind ? [norm] : [])),
            inputNormKey,
            (norm) => queue.pipelines.get(normedVariant(own, element, output, inputNormOf(model, norm))),
          ),
      ]);
      return normed ? { ...byRows, normed } : byRows;
    });
  };
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
  const compileNormedRotary = (keyValues: CacheFormat): Promise<ReadonlyMap<number, NormedRotaryPipeline>> =>
    compileEach(
      all.flatMap((own) => (own.kind === "normedRotary" ? [own] : [])),
      normedLanes,
      ({ query }) => queue.pipelines.get(normedRotaryVariant(query.normVectors, keyValues)),
    );
  const compileKeyValues = async (keyValues: CacheFormat): Promise<KeyValuePipelines> => {
    const [attention, attentionInputs, normedRotary, rotary] = await Promise.all([
      compileAttention(keyValues),
      byKernel("attentionInputs", rolesOf("attentionInputs"), attentionOutput(keyValues), Activation.none),
      compileNormedRotary(keyValues),
      getIf(queue, hasKind(steps, "rotary"), rotaryVariant(keyValues)),
    ]);
    return { attention, attentionInputs, normedRotary, rotary };
  };
  const addedNorms = all.flatMap((own) => (own.kind === "addedNorm" ? [own.norm.normVectors] : []));
  const isAdjusted = recipe.head?.scale !== undefined || recipe.head?.cap !== undefined;
  const lookUps = recipe.embed.flatMap((step) => (step.kind === "lookUp" ? [step] : []));
  const hasTable = (table: "positions" | "tokenTypes"): boolean =>
    lookUps.some((step) => step[table] !== undefined);
  const tables = { positions: hasTable("positions"), tokenTypes: hasTable("tokenTypes") };
  const tokenRoles = lookUps.map(({ tokens }) => tokens);
  const [own, keyValues, embedding, adjustLogits, linear, gated, addedNorm, logProbability, halfCache] =
    await Promise.all([
      compileSteps(queue, model, steps),
      compileKeyValues("f32"),
      byFormat(tokenRoles, (element) => queue.pipelines.get(embeddingVariant(element, tables))),
      getIf(queue, isAdjusted, adjustLogitsVariant),
      byKernel("step", rowRoles, rowOutput),
      byKernel("gated", rolesOf("gated"), gatedOutput),
      compileEach(
        addedNorms,
        (vectors) => vectors,
        (vectors) => queue.pipelines.get(addedNormVariant(vectors)),
      ),
      Promise.all(
        logProbabilityStages[adapterKindOf(queue.adapter)].map((stage) => queue.pipelines.get(stage)),
      ),
      cache === "f16" ? compileKeyValues("f16") : undefined,
    ]);
  return {
    ...own,
    ...keyValues,
    embedding,
    adjustLogits,
    linear,
    gated,
    addedNorm,
    logProbability,
    normsWithin,
    halfCache,
  };
}

const inputNormOf = ({ config, recipe }: ModelDefinition, { step, normVectors }: ProgramNorm): InputNorm => ({
  method: step.method,
  vectors: normVectors,
  width: axisOf(widthOf(step.from, recipe), config).size,
  epsilon: config.normEpsilon,
  gainOffset: step.gainOffset,
});

/** Compiles what these steps need one by one. Linear layers, attention and embeddings are not among it. Throws ShaderError. */
export async function compileSteps(
  queue: Queue,
  { config }: Pick<ModelDefinition, "config">,
  steps: readonly ProgramStep[],
): Promise<StepPipelines> {
  const [norm, gate, scale, rotary] = await Promise.all([
    compileNorms(normsOf(steps), (options) => queue.pipelines.get(normVariant(options))),
    getIf(queue, hasKind(steps, "gate"), gateVariant(activationOf[config.activation])),
    getIf(queue, hasKind(steps, "scale"), scaleVariant),
    getIf(queue, hasKind(steps, "rotary"), rotaryVariant("f32")),
  ]);
  return { norm, gate, scale, rotary };
}

const getIf = async <B extends string, P extends string>(
  queue: Queue,
  isNeeded: boolean,
  variant: KernelVariant<B, P>,
): Promise<Pipeline<B, P> | undefined> => (isNeeded ? queue.pipelines.get(variant) : undefined);

export const hasKind = (steps: readonly ProgramStep[], kind: ProgramStep["step"]["kind"]): boolean =>
  steps.some(({ step }) => step.kind === kind);

/** In how many formats the matrices of these roles are stored. */
function formatsOf(parameters: readonly Parameter[], roles: readonly Role[]): readonly WeightFormat[] {
  const own = new Set(roles);
  return [
    ...new Set(
      parameters.flatMap(({ role, inputs, pieces }) =>
        inputs && own.has(role) ? pieces.map(({ format }) => format) : [],
      ),
    ),
  ];
}

/** The kinds of norms that steps need. */
export function normsOf(steps: readonly ProgramStep[]): readonly NormOptions[] {
  return steps.flatMap((own) =>
    "normVectors" in own ? [{ method: own.step.method, vectors: own.normVectors }] : [],
  );
}

/** One pipeline per kind of norm. */
export const compileNorms = <P>(
  norms: readonly NormOptions[],
  compile: (options: NormOptions) => Promise<P>,
): Promise<ReadonlyMap<string, P>> =>
  compileEach(norms, ({ method, vectors }) => normKey(method, vectors), compile);

/** One pipeline per key. */
async function compileEach<T, K, P>(
  all: readonly T[],
  keyOf: (own: T) => K,
  compile: (own: T) => Promise<P>,
): Promise<ReadonlyMap<K, P>> {
  const byKey = new Map(all.map((own) => [keyOf(own), own]));
  return new Map(await Promise.all([...byKey].map(async ([key, own]) => [key, await compile(own)] as const)));
}

/** Compiles both kernels of a choice. */
async function compileBoth<K, P>(kernels: ByRows<K>, compile: (kernel: K) => Promise<P>): Promise<ByRows<P>> {
  const [few, many] = await Promise.all([compile(kernels.few), compile(kernels.many)]);
  return { few, many };
}
