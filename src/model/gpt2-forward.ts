// A GPT-2 forward pass as kernel sequences over tables of rows: what a segment and a pass of attention are.
import { TABLES, type CommandList } from "../gpu/command-list.js";
import type { GpuBuffer } from "../gpu/buffer.js";
import type { ElementType, KernelVariant } from "../gpu/kernel.js";
import type { Pipeline } from "../gpu/pipelines.js";
import type { Queue } from "../gpu/queue.js";
import type { AttentionBinding, AttentionParam } from "../kernels/attention/attention.js";
import type { ChooseTokenBinding, ChooseTokenParam } from "../kernels/sampling/choose-token.js";
import {
  embeddingVariant,
  type EmbeddingBinding,
  type EmbeddingParam,
} from "../kernels/embedding/embedding.js";
import { layerNormVariant, type LayerNormBinding, type LayerNormParam } from "../kernels/norm/layer-norm.js";
import { Activation, LinearFlag, type LinearBinding, type LinearParam } from "../kernels/linear/linear.js";
import {
  logProbabilityVariant,
  type LogProbabilityBinding,
  type LogProbabilityParam,
} from "../kernels/loss/log-probability.js";
import type { WeightFormat } from "../tensor/formats.js";
import { invariant } from "../util/invariant.js";
import type { ActivationName, ModelConfig } from "../families/gpt2-config.js";
import type { Gpt2Arena } from "./gpt2-arena.js";
import type { ModelShape } from "./shape.js";
import type { Gpt2Weights, LinearWeights, NormWeights, VocabularyShard } from "./gpt2-weights.js";
import { pickForRows, presumedChooseToken, type ByRows, type KernelChoice } from "../tuning/presumed.js";

/** The compiled kernels of one model on one queue. */
export interface Gpt2Pipelines {
  readonly embedding: Pipeline<EmbeddingBinding, EmbeddingParam>;
  readonly norm: Pipeline<LayerNormBinding, LayerNormParam>;
  readonly linear: ByRows<Pipeline<LinearBinding, LinearParam>>;
  readonly attention: ByRows<Pipeline<AttentionBinding, AttentionParam>>;
  readonly logProbability: Pipeline<LogProbabilityBinding, LogProbabilityParam>;
}

/** The shaders' numbers of the activations that configurations name. */
export const activationOf: Readonly<Record<ActivationName, Activation>> = {
  gelu_new: Activation.geluTanh,
  gelu_pytorch_tanh: Activation.geluTanh,
  gelu: Activation.geluErf,
  relu: Activation.relu,
};

/** How a queue's shaders read weights of a format. */
export const elementTypeOf = (queue: Queue, format: WeightFormat): ElementType =>
  format === "f32" || queue.adapter.hasShaderF16 ? format : "packed-f16";

/** Compiles what the model needs, all at once. Throws ShaderError. */
export async function compileGpt2(
  queue: Queue,
  config: ModelConfig,
  dimensions: ModelShape,
  format: WeightFormat,
  choice: KernelChoice,
): Promise<Gpt2Pipelines> {
  const element = elementTypeOf(queue, format);
  const compileBoth = async <F, B extends string, P extends string>(
    families: ByRows<F>,
    variantOf: (family: F) => KernelVariant<B, P>,
  ): Promise<ByRows<Pipeline<B, P>>> => {
    const [few, many] = await Promise.all([
      queue.pipelines.get(variantOf(families.few)),
      queue.pipelines.get(variantOf(families.many)),
    ]);
    return { few, many };
  };
  const [embedding, norm, linear, attention, logProbability] = await Promise.all([
    queue.pipelines.get(embeddingVariant(element)),
    queue.pipelines.get(layerNormVariant("f32")),
    compileBoth(choice.linear, (family) => family.variant(activationOf[config.activation], element)),
    compileBoth(choice.attention, (family) => family.variant({ ...dimensions, isCausal: true }, "f32")),
    queue.pipelines.get(logProbabilityVariant("f32")),
  ]);
  return { embedding, norm, linear, attention, logProbability };
}

/** Entries of a row or block table, in the table buffer of the submission. */
export interface TableRange {
  readonly firstEntry: number;
  readonly count: number;
}

/** A key-value cache that outlives the submission, and what its rows are. Without it, both are in the arena. */
export interface CacheRows {
  keyValueOf(layer: number): GpuBuffer;
  /** Entry of the cache row of the first row in the tables; the others' follow. */
  readonly firstCacheRowEntry: number;
  /** The newest token of each sequence, for rows whose token the host does not know. */
  readonly sampled: GpuBuffer;
}

/** What choosing tokens reads and writes: see shaders/sampling/choose-token.wgsl. */
export interface ChoiceBuffers extends Readonly<Record<Exclude<ChooseTokenBinding, "options">, GpuBuffer>> {
  readonly rowCount: number;
  /** First word of the rows' options in the tables. */
  readonly firstOption: number;
}

/** Hears of every intermediate result right after the dispatch that wrote it. For tests. */
export type StageObserver = (stage: string, buffer: GpuBuffer) => void;

/** Encodes the forward pass of one model on one queue. Holds no state of a run. */
export class Gpt2Forward {
  readonly pipelines: Gpt2Pipelines;
  readonly #config: ModelConfig;
  readonly #dimensions: ModelShape;
  readonly #weights: Gpt2Weights;
  readonly #queue: Queue;
  #choice: Pipeline<ChooseTokenBinding, ChooseTokenParam> | undefined;

  constructor(
    queue: Queue,
    config: ModelConfig,
    dimensions: ModelShape,
    weights: Gpt2Weights,
    pipelines: Gpt2Pipelines,
  ) {
    this.#queue = queue;
    this.#config = config;
    this.#dimensions = dimensions;
    this.#weights = weights;
    this.pipelines = pipelines;
  }

  /** Segment `segment` (0…layers) for the rows of a row table. */
  encodeSegment(
    list: CommandList,
    arena: Gpt2Arena,
    segment: number,
    rows: TableRange,
    cache?: CacheRows,
    observe?: StageObserver,
  ): void {
    const { layers } = this.#dimensions;
    if (segment === 0) this.#embed(list, arena, rows, cache?.sampled, observe);
    else this.#finishLayer(list, arena, segment - 1, rows, observe);
    if (segment === layers) {
      this.#normalise(list, arena, this.#weights.finalNorm, rows);
      observe?.("finalNorm", arena.normalised);
      return;
    }
    const layer = this.#weights.layers[segment]!;
    this.#normalise(list, arena, layer.norm1, rows);
    observe?.(`norm1.${segment}`, arena.normalised);
    // One dispatch with two outputs for queries, keys and values: 2 to 7 % slower on SwiftShader, which runs both sides of
    // the branch between the outputs for every store, than the two dispatches here.
    this.#linear(list, 0, layer.query, arena.normalised, arena.query, rows);
    observe?.(`query.${segment}`, arena.query);
    const keyValue = (cache ?? arena).keyValueOf(segment);
    this.#linear(list, 0, layer.keyValue, arena.normalised, keyValue, rows, cache?.firstCacheRowEntry);
    observe?.(`keyValue.${segment}`, keyValue);
  }

  /** Attention at `layer` (0…layers−1) for the query blocks of a block table. */
  encodeAttention(
    list: CommandList,
    arena: Gpt2Arena,
    layer: number,
    blocks: TableRange,
    cache?: CacheRows,
    observe?: StageObserver,
  ): void {
    list.dispatch(
      pickForRows(this.pipelines.attention, blocks.count),
      {
        Q: arena.query,
        KV: (cache ?? arena).keyValueOf(layer),
        rowInfo: arena.rowInfo,
        pageTable: arena.pageTable,
        blockTable: TABLES,
        A: arena.attention,
      },
      {
        firstEntry: blocks.firstEntry,
        blockCount: blocks.count,
        heads: this.#dimensions.heads,
        scale: 1 / Math.sqrt(this.#dimensions.headWidth),
      },
    );
    observe?.(`attention.${layer}`, arena.attention);
  }

  /** Logits of the rows of a table (after the last segment) into rows 0… of `logits`, (rows, V padded to 4). */
  encodeHead(list: CommandList, arena: Gpt2Arena, rows: TableRange, logits: GpuBuffer): void {
    const { channelVectors, vocabularyVectors } = this.#dimensions;
    for (const shard of this.#weights.head) {
      list.dispatch(
        pickForRows(this.pipelines.linear, rows.count),
        { X: arena.normalised, W: shard.weight, bias: shard.bias, rowTable: TABLES, Y: logits },
        {
          firstEntry: rows.firstEntry,
          rowCount: rows.count,
          inputVectors: channelVectors,
          outputVectors: shard.stride / 4,
          outputStride: vocabularyVectors,
          outputOffset: shard.firstToken / 4,
          outputEntry: 0,
          flags: LinearFlag.compactOutput,
        },
      );
    }
  }

  /**
   * Log-probability of one token per row of `logits`: of the token in entry firstEntry+i of the submission's tables
   * under row i, into output[i].
   */
  encodeLogProbability(list: CommandList, logits: GpuBuffer, targets: TableRange, output: GpuBuffer): void {
    const { vocabulary, vocabularyVectors } = this.#dimensions;
    list.dispatch(
      this.pipelines.logProbability,
      { logits, targets: TABLES, logProbability: output },
      {
        rowCount: targets.count,
        vocabulary,
        rowStride: 4 * vocabularyVectors,
        firstTarget: targets.firstEntry,
      },
    );
  }

  /** Compiles the kernel that chooses tokens, which only generation needs. Throws ShaderError. */
  async prepareChoice(): Promise<void> {
    this.#choice ??= await this.#queue.pipelines.get(presumedChooseToken(this.#queue.adapter).variant("f32"));
  }

  /** Chooses a token for each of the first `rowCount` rows of `logits`; needs `prepareChoice`. */
  encodeChoice(list: CommandList, choice: ChoiceBuffers): void {
    invariant(this.#choice, "the kernel that chooses tokens is not compiled");
    const { rowCount, firstOption, ...buffers } = choice;
    const { vocabulary, vocabularyVectors } = this.#dimensions;
    list.dispatch(
      this.#choice,
      { options: TABLES, ...buffers },
      { rowCount, vocabulary, rowStride: 4 * vocabularyVectors, firstOption },
    );
  }

  #embed(
    list: CommandList,
    arena: Gpt2Arena,
    rows: TableRange,
    sampled: GpuBuffer | undefined,
    observe?: StageObserver,
  ): void {
    for (const shard of this.#weights.tokens) this.#embedShard(list, arena, shard, rows, sampled);
    observe?.("embedding", arena.residual);
  }

  #embedShard(
    list: CommandList,
    arena: Gpt2Arena,
    shard: VocabularyShard,
    rows: TableRange,
    sampled: GpuBuffer | undefined,
  ): void {
    list.dispatch(
      this.pipelines.embedding,
      {
        tokenEmbedding: shard.weight,
        positionEmbedding: this.#weights.positions,
        rowInfo: arena.rowInfo,
        rowTable: TABLES,
        sampled: sampled ?? TABLES,
        X: arena.residual,
      },
      {
        firstEntry: rows.firstEntry,
        rowCount: rows.count,
        channelVectors: this.#dimensions.channelVectors,
        firstToken: shard.firstToken,
        tokenCount: shard.tokenCount,
        shardStride: shard.stride,
      },
    );
  }

  /** What follows the attention of `layer`: projection and MLP, each added to the residual stream. */
  #finishLayer(
    list: CommandList,
    arena: Gpt2Arena,
    index: number,
    rows: TableRange,
    observe?: StageObserver,
  ): void {
    const layer = this.#weights.layers[index]!;
    const { activate, addToOutput } = LinearFlag;
    this.#linear(list, addToOutput, layer.projection, arena.attention, arena.residual, rows);
    observe?.(`attentionResidual.${index}`, arena.residual);
    this.#normalise(list, arena, layer.norm2, rows);
    observe?.(`norm2.${index}`, arena.normalised);
    this.#linear(list, activate, layer.up, arena.normalised, arena.hidden, rows);
    observe?.(`activation.${index}`, arena.hidden);
    this.#linear(list, addToOutput, layer.down, arena.hidden, arena.residual, rows);
    observe?.(`mlpResidual.${index}`, arena.residual);
  }

  #normalise(list: CommandList, arena: Gpt2Arena, norm: NormWeights, rows: TableRange): void {
    list.dispatch(
      this.pipelines.norm,
      { X: arena.residual, gain: norm.gain, bias: norm.bias, rowTable: TABLES, Y: arena.normalised },
      {
        firstEntry: rows.firstEntry,
        rowCount: rows.count,
        channels: this.#dimensions.channels,
        channelVectors: this.#dimensions.channelVectors,
        epsilon: this.#config.layerNormEpsilon,
      },
    );
  }

  #linear(
    list: CommandList,
    flags: number,
    weights: LinearWeights,
    X: GpuBuffer,
    Y: GpuBuffer,
    rows: TableRange,
    outputEntry: number = rows.firstEntry,
  ): void {
    list.dispatch(
      pickForRows(this.pipelines.linear, rows.count),
      { X, W: weights.weight, bias: weights.bias, rowTable: TABLES, Y },
      {
        firstEntry: rows.firstEntry,
        rowCount: rows.count,
        inputVectors: weights.inputVectors,
        outputVectors: weights.outputVectors,
        outputStride: weights.outputVectors,
        outputOffset: 0,
        outputEntry,
        flags,
      },
    );
  }
}
