// A GPT-2 training step as kernel sequences over tables of rows: the forward pass with everything kept, its mirror for
// the gradients of activations, and the gradients of weights, which read all rows of a share. Holds no state of a step.
import { TABLES, type CommandList } from "../gpu/command-list.js";
import { GradientFlag } from "../kernels/linear/backward.js";
import { LinearFlag } from "../kernels/linear/linear.js";
import type { TableRange } from "./gpt2-forward.js";
import type { ModelShape } from "./shape.js";
import type { Gpt2Weights, VocabularyShard } from "./gpt2-weights.js";
import { pickForRows } from "../tuning/presumed.js";
import type { ModelConfig } from "../families/gpt2-config.js";
import type { TrainingArena } from "./training-arena.js";
import { TrainingKernels, type BucketRange, type LinearGradientParams } from "./training-kernels.js";
import type { TrainingPipelines } from "./training-pipelines.js";

/** Rows with a target, at most a chunk: their entries, and where their targets and losses are. */
export interface LossRows {
  readonly rows: TableRange;
  /** First word of their targets in the tables. */
  readonly firstTarget: number;
  /** Place of the first row's loss; the others' follow. */
  readonly firstLoss: number;
}

/** What the gradients of a segment's weights read. */
export interface ShareRows {
  readonly rows: TableRange;
  /** For segment L: all rows with a target, chunk by chunk. */
  readonly loss: readonly LossRows[];
  /** For segment 0: by position, and by token for each shard of the embedding. */
  readonly positions: BucketRange;
  readonly tokens: readonly BucketRange[];
}

export class Gpt2Training {
  readonly #dimensions: ModelShape;
  readonly #weights: Gpt2Weights;
  readonly #pipelines: TrainingPipelines;
  readonly #kernels: TrainingKernels;

  constructor(
    config: ModelConfig,
    dimensions: ModelShape,
    weights: Gpt2Weights,
    pipelines: TrainingPipelines,
  ) {
    this.#kernels = new TrainingKernels(dimensions, config.layerNormEpsilon, pipelines);
    this.#dimensions = dimensions;
    this.#weights = weights;
    this.#pipelines = pipelines;
  }

  /** Segment `segment` (0…layers) of the forward pass. */
  encodeSlice(list: CommandList, arena: TrainingArena, segment: number, rows: TableRange): void {
    const { layers } = this.#dimensions;
    if (segment === 0) this.#embed(list, arena, rows);
    else this.#finishLayer(list, arena, segment - 1, rows);
    if (segment < layers) this.#formQueries(list, arena, segment, rows);
    else this.#kernels.normalise(list, arena.output, this.#weights.finalNorm, arena.finalNormalised, rows);
  }

  /** Attention at `layer` for the query blocks of a block table. */
  encodeAttention(list: CommandList, arena: TrainingArena, layer: number, blocks: TableRange): void {
    const own = arena.layers[layer]!;
    list.dispatch(
      pickForRows(this.#pipelines.attention, blocks.count),
      {
        Q: own.query,
        KV: own.keyValue,
        rowInfo: arena.rowInfo,
        pageTable: arena.pageTable,
        blockTable: TABLES,
        A: own.attention,
      },
      {
        firstEntry: blocks.firstEntry,
        blockCount: blocks.count,
        heads: this.#dimensions.heads,
        scale: this.#scale,
      },
    );
  }

  /**
   * The mirror of segment `segment`. For the last one `loss` lists the rows with a target, and `lossScale` is 1 over the
   * targets of the whole batch; rows without one must have a zero gradient in arena.dFinalNormalised already.
   */
  encodeSliceGradient(
    list: CommandList,
    arena: TrainingArena,
    segment: number,
    rows: TableRange,
    loss: readonly LossRows[],
    lossScale: number,
  ): void {
    const { layers } = this.#dimensions;
    if (arena.recompute && segment > 0) this.#formHidden(list, arena, segment - 1, rows);
    if (segment === layers) {
      for (const chunk of loss) {
        this.#encodeLossGradient(list, arena, chunk, lossScale);
        this.#encodeHeadInput(list, arena, chunk.rows);
      }
      const norm = this.#weights.finalNorm;
      // dOutput is zero before: the norm's kernel adds.
      this.#kernels.normBackward(
        list,
        arena.output,
        arena.dFinalNormalised,
        norm,
        arena.dOutput,
        arena.finalStats,
        rows,
      );
    } else {
      const own = arena.layers[segment]!;
      const weights = this.#weights.layers[segment]!;
      this.#kernels.input(list, 0, own.dQuery, weights.query, own.dNormalised1, rows);
      this.#kernels.input(
        list,
        GradientFlag.addToOutput,
        own.dKeyValue,
        weights.keyValue,
        own.dNormalised1,
        rows,
      );
      this.#kernels.copyRows(list, own.dMiddle, own.dInput, rows);
      this.#kernels.normBackward(
        list,
        own.input,
        own.dNormalised1,
        weights.norm1,
        own.dInput,
        own.norm1Stats,
        rows,
      );
    }
    if (segment > 0) this.#finishLayerGradient(list, arena, segment - 1, rows);
  }

  /** Gradients of queries, keys and values of whole sentences at `layer`, listed as rows and as blocks of rows. */
  encodeAttentionGradient(
    list: CommandList,
    arena: TrainingArena,
    layer: number,
    rows: TableRange,
    blocks: TableRange,
  ): void {
    if (arena.recompute) this.#formQueries(list, arena, layer, rows);
    const own = arena.layers[layer]!;
    const params = {
      firstEntry: blocks.firstEntry,
      blockCount: blocks.count,
      heads: this.#dimensions.heads,
      scale: this.#scale,
    };
    const shared = {
      Q: own.query,
      KV: own.keyValue,
      dA: own.dAttention,
      rowInfo: arena.rowInfo,
      blockTable: TABLES,
      stats: own.attentionStats,
    } as const;
    list.dispatch(this.#pipelines.attentionQuery, { ...shared, A: own.attention, dQ: own.dQuery }, params);
    list.dispatch(this.#pipelines.attentionKeyValue, { ...shared, dKV: own.dKeyValue }, params);
  }

  /** Adds the gradients of the weights of `segment` over all rows of a share to `gradients`. */
  encodeWeightGradient(
    list: CommandList,
    arena: TrainingArena,
    gradients: Gpt2Weights,
    segment: number,
    share: ShareRows,
    lossScale: number,
  ): void {
    const { layers } = this.#dimensions;
    const { rows } = share;
    const { partials } = arena;
    if (segment === layers) {
      // The logits of a chunk are gone since its activation gradients were formed: they are formed again, in chunks that
      // depend on the share alone, so that the order of these sums does not depend on how slices were scheduled. That is 4 %
      // of a step of the benchmark on SwiftShader; to keep them would take memory that grows with the batch.
      for (const chunk of share.loss) {
        this.#encodeLossGradient(list, arena, chunk, lossScale);
        this.#encodeHeadWeight(list, arena, gradients, chunk.rows);
      }
      this.#kernels.normWeight(
        list,
        arena.output,
        arena.dFinalNormalised,
        arena.finalStats,
        gradients.finalNorm,
        rows,
        partials,
      );
    } else {
      const own = arena.layers[segment]!;
      const to = gradients.layers[segment]!;
      this.#kernels.weight(list, own.normalised1, own.dQuery, to.query, rows, partials);
      this.#kernels.weight(list, own.normalised1, own.dKeyValue, to.keyValue, rows, partials);
      this.#kernels.normWeight(list, own.input, own.dNormalised1, own.norm1Stats, to.norm1, rows, partials);
    }
    if (segment > 0) {
      const own = arena.layers[segment - 1]!;
      const to = gradients.layers[segment - 1]!;
      this.#kernels.weight(list, own.hidden, arena.dResidual(segment), to.down, rows, partials);
      this.#kernels.weight(list, own.normalised2, own.dPreActivation, to.up, rows, partials);
      this.#kernels.normWeight(list, own.middle, own.dNormalised2, own.norm2Stats, to.norm2, rows, partials);
      this.#kernels.weight(list, own.attention, own.dMiddle, to.projection, rows, partials);
      return;
    }
    const { channelVectors } = this.#dimensions;
    const dX = arena.dResidual(0);
    for (const [index, shard] of gradients.tokens.entries())
      this.#kernels.embeddingGradient(list, dX, shard.weight, share.tokens[index]!, 1, shard.stride);
    this.#kernels.embeddingGradient(list, dX, gradients.positions, share.positions, 4 * channelVectors, 1);
  }

  get #scale(): number {
    return 1 / Math.sqrt(this.#dimensions.headWidth);
  }

  #embed(list: CommandList, arena: TrainingArena, rows: TableRange): void {
    for (const shard of this.#weights.tokens)
      list.dispatch(
        this.#pipelines.embedding,
        {
          tokenEmbedding: shard.weight,
          positionEmbedding: this.#weights.positions,
          rowInfo: arena.rowInfo,
          rowTable: TABLES,
          sampled: TABLES,
          X: arena.residual(0),
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

  /** What begins a layer: its norm, queries, keys and values. */
  #formQueries(list: CommandList, arena: TrainingArena, layer: number, rows: TableRange): void {
    const weights = this.#weights.layers[layer]!;
    const own = arena.layers[layer]!;
    this.#kernels.normalise(list, own.input, weights.norm1, own.normalised1, rows);
    this.#kernels.linear(list, 0, own.normalised1, weights.query, own.query, rows);
    this.#kernels.linear(list, 0, own.normalised1, weights.keyValue, own.keyValue, rows);
  }

  /** What follows attention, up to the hidden rows of the MLP. */
  #formHidden(list: CommandList, arena: TrainingArena, layer: number, rows: TableRange): void {
    const weights = this.#weights.layers[layer]!;
    const own = arena.layers[layer]!;
    this.#kernels.copyRows(list, own.input, own.middle, rows);
    this.#kernels.linear(list, LinearFlag.addToOutput, own.attention, weights.projection, own.middle, rows);
    this.#kernels.normalise(list, own.middle, weights.norm2, own.normalised2, rows);
    this.#kernels.linear(list, 0, own.normalised2, weights.up, own.preActivation, rows);
    list.dispatch(
      this.#pipelines.activate,
      { X: own.preActivation, rowTable: TABLES, Y: own.hidden },
      { firstEntry: rows.firstEntry, rowCount: rows.count, vectors: this.#dimensions.hiddenVectors },
    );
  }

  #finishLayer(list: CommandList, arena: TrainingArena, layer: number, rows: TableRange): void {
    this.#formHidden(list, arena, layer, rows);
    const weights = this.#weights.layers[layer]!;
    const own = arena.layers[layer]!;
    const output = arena.residual(layer + 1);
    this.#kernels.copyRows(list, own.middle, output, rows);
    this.#kernels.linear(list, LinearFlag.addToOutput, own.hidden, weights.down, output, rows);
  }

  #finishLayerGradient(list: CommandList, arena: TrainingArena, layer: number, rows: TableRange): void {
    const weights = this.#weights.layers[layer]!;
    const own = arena.layers[layer]!;
    const dOutput = arena.dResidual(layer + 1);
    this.#kernels.input(
      list,
      GradientFlag.throughActivation,
      dOutput,
      weights.down,
      own.dPreActivation,
      rows,
      own.preActivation,
    );
    this.#kernels.input(list, 0, own.dPreActivation, weights.up, own.dNormalised2, rows);
    this.#kernels.copyRows(list, dOutput, own.dMiddle, rows);
    this.#kernels.normBackward(
      list,
      own.middle,
      own.dNormalised2,
      weights.norm2,
      own.dMiddle,
      own.norm2Stats,
      rows,
    );
    this.#kernels.input(list, 0, own.dMiddle, weights.projection, own.dAttention, rows);
  }

  /** Logits of a chunk, turned into their gradient; its losses go to arena.loss. */
  #encodeLossGradient(list: CommandList, arena: TrainingArena, chunk: LossRows, lossScale: number): void {
    const { channelVectors, vocabulary, vocabularyVectors } = this.#dimensions;
    for (const shard of this.#weights.head)
      list.dispatch(
        pickForRows(this.#pipelines.linear, chunk.rows.count),
        {
          X: arena.finalNormalised,
          W: shard.weight,
          bias: shard.bias,
          rowTable: TABLES,
          Y: arena.logits,
        },
        {
          firstEntry: chunk.rows.firstEntry,
          rowCount: chunk.rows.count,
          inputVectors: channelVectors,
          outputVectors: shard.stride / 4,
          outputStride: vocabularyVectors,
          outputOffset: shard.firstToken / 4,
          outputEntry: 0,
          flags: LinearFlag.compactOutput,
        },
      );
    list.dispatch(
      this.#pipelines.crossEntropy,
      { targets: TABLES, logits: arena.logits, loss: arena.loss },
      {
        rowCount: chunk.rows.count,
        vocabulary,
        rowStride: 4 * vocabularyVectors,
        firstTarget: chunk.firstTarget,
        firstLoss: chunk.firstLoss,
        scale: lossScale,
      },
    );
  }

  #encodeHeadInput(list: CommandList, arena: TrainingArena, rows: TableRange): void {
    for (const [index, shard] of this.#weights.head.entries())
      list.dispatch(
        this.#pipelines.input,
        {
          dY: arena.logits,
          W: shard.weight,
          P: arena.finalNormalised,
          rowTable: TABLES,
          dX: arena.dFinalNormalised,
        },
        this.#headParams(rows, shard, index === 0 ? 0 : GradientFlag.addToOutput),
      );
  }

  #encodeHeadWeight(list: CommandList, arena: TrainingArena, gradients: Gpt2Weights, rows: TableRange): void {
    for (const shard of gradients.head)
      list.dispatch(
        this.#pipelines.weight,
        { X: arena.finalNormalised, dY: arena.logits, rowTable: TABLES, dW: shard.weight, db: shard.bias },
        // A chunk has too few rows to cut.
        { ...this.#headParams(rows, shard, GradientFlag.addToOutput), slabRows: rows.count },
      );
  }

  #headParams(rows: TableRange, shard: VocabularyShard, flags: number): LinearGradientParams {
    return {
      firstEntry: rows.firstEntry,
      rowCount: rows.count,
      inputVectors: this.#dimensions.channelVectors,
      outputVectors: shard.stride / 4,
      gradientStride: this.#dimensions.vocabularyVectors,
      gradientOffset: shard.firstToken / 4,
      outputEntry: 0,
      flags: flags | GradientFlag.compactGradient,
    };
  }
}
