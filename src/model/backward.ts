// A training step of one model on one queue. Walks the program forward and keeps every value, then backward for the gradients of
// activations. Gradients of weights read all rows of a share of the batch. No family has a backward pass of its own.
import type { GpuBuffer } from "../gpu/buffer.js";
import type { CommandList, TableRange } from "../gpu/command-list.js";
import { activateForward } from "../layers/activation.js";
import { attentionBackward, attentionForward } from "../layers/attention.js";
import { embeddingBackward, embeddingForward, type BucketRange } from "../layers/embedding.js";
import { gateBackward, gateForward, scaleForward } from "../layers/gate.js";
import {
  adjustLogits,
  crossEntropyBackward,
  headBackwardInput,
  headBackwardWeight,
  headForward,
} from "../layers/head.js";
import { linearBackwardInput, linearBackwardWeight, linearForward } from "../layers/linear.js";
import { rotaryBackward, rotaryForward } from "../layers/rotary.js";
import { normBackwardInput, normBackwardWeight, normForward } from "../layers/norm.js";
import type { BackwardPipelines } from "./backward-pipelines.js";
import type { ModelDefinition } from "./definition.js";
import { compiled, type Forward } from "./forward.js";
import { planGradients, type GradientPlan } from "./gradients.js";
import type { BlockRange } from "./rows.js";
import type {
  ProgramFlow,
  ProgramLinear,
  ProgramNorm,
  ProgramRotary,
  ProgramStep,
  Value,
} from "./program.js";
import type { TrainingArena } from "./arena/training-arena.js";
import type { ModelWeights } from "./weights/model-weights.js";

/** A chunk of rows that have a target, with the places of their targets and losses. */
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
  /** All rows with a target, chunk by chunk. Only segment L reads them. */
  readonly loss: readonly LossRows[];
  /** Rows grouped by position, and by token for each shard of the embedding. Only segment 0 reads them. */
  readonly positions: BucketRange;
  readonly tokens: readonly BucketRange[];
}

export class Backward {
  readonly #forward: Forward;
  readonly #model: ModelDefinition;
  readonly #pipelines: BackwardPipelines;
  readonly gradients: GradientPlan;

  constructor(forward: Forward, pipelines: BackwardPipelines) {
    this.#forward = forward;
    this.#model = forward.model;
    this.#pipelines = pipelines;
    this.gradients = planGradients(forward.model.program);
  }

  /** Segment `segment` (0…layers) of the forward pass. */
  encodeSlice(list: CommandList, arena: TrainingArena, segment: number, rows: TableRange): void {
    for (const step of this.#model.program.segments[segment]!.steps)
      this.#encodeForward(list, arena, step, rows);
  }

  /** Attention at `layer` for the query blocks of a block table. */
  encodeAttention(list: CommandList, arena: TrainingArena, layer: number, blocks: BlockRange): void {
    const { step, query, keyValue, output } = this.#model.program.attention[layer]!;
    attentionForward(list, this.#forward.pipelines.attention[layer]!, {
      Q: arena.activation(query),
      KV: arena.activation(keyValue),
      rowInfo: arena.rowInfo,
      pageTable: arena.pageTable,
      A: arena.activation(output),
      blocks,
      heads: this.#model.shape.heads,
      step,
      split: this.#forward.splitRoom(arena, blocks),
    });
  }

  /**
   * The gradients of a segment's activations. For the last segment `loss` lists the rows with a target, and `lossScale` is 1
   * over the targets of the whole batch. The gradients of the `gradients.zeroed` values must be zero before the step.
   */
  encodeSliceGradient(
    list: CommandList,
    arena: TrainingArena,
    segment: number,
    rows: TableRange,
    loss: readonly LossRows[],
    lossScale: number,
  ): void {
    const { segments, final } = this.#model.program;
    const { after, steps } = segments[segment]!;
    if (segment > 0) this.#formAgain(list, arena, after, rows);
    for (const chunk of loss) {
      this.#encodeLoss(list, arena, chunk, lossScale);
      headBackwardInput(list, this.#pipelines, {
        ...this.#headOf(arena, chunk.rows),
        shards: this.#forward.headShards,
        dX: arena.gradient(final),
      });
    }
    for (const step of steps.toReversed()) this.#encodeInputGradient(list, arena, step, rows);
  }

  /** Gradients of queries, keys and values of whole sentences at `layer`, listed as rows and as blocks of rows. */
  encodeAttentionGradient(
    list: CommandList,
    arena: TrainingArena,
    layer: number,
    rows: TableRange,
    blocks: TableRange,
  ): void {
    const { segments, attention } = this.#model.program;
    const { step, query, keyValue, output } = attention[layer]!;
    this.#formAgain(list, arena, segments[layer]!.before, rows);
    attentionBackward(list, this.#pipelines.attention[layer]!, {
      Q: arena.activation(query),
      KV: arena.activation(keyValue),
      A: arena.activation(output),
      dA: arena.gradient(output),
      rowInfo: arena.rowInfo,
      dQ: arena.gradient(query),
      dKV: arena.gradient(keyValue),
      stats: arena.attentionStats(layer),
      blocks,
      heads: this.#model.shape.heads,
      step,
    });
  }

  /** Adds the gradients of the weights of `segment` over all rows of a share to `gradients`. */
  encodeWeightGradient(
    list: CommandList,
    arena: TrainingArena,
    gradients: ModelWeights,
    segment: number,
    share: ShareRows,
    lossScale: number,
  ): void {
    // The logits of a chunk are gone since its activation gradients were formed: they are formed again, in chunks that
    // depend on the share alone, so that the order of these sums does not depend on how slices were scheduled. That is 4 %
    // of a step of the benchmark on SwiftShader; to keep them would take memory that grows with the batch.
    for (const chunk of share.loss) {
      this.#encodeLoss(list, arena, chunk, lossScale);
      headBackwardWeight(list, this.#pipelines, {
        ...this.#headOf(arena, chunk.rows),
        to: gradients.headShards(this.#model.recipe),
      });
    }
    for (const step of this.#model.program.segments[segment]!.steps.toReversed())
      this.#encodeWeightGradient(list, arena, gradients, step, share);
  }

  /** With `recompute`, computes again what was not kept of half a segment. */
  #formAgain(list: CommandList, arena: TrainingArena, steps: readonly ProgramStep[], rows: TableRange): void {
    if (!arena.recompute) return;
    for (const step of steps) if (!step.output.isKept) this.#encodeForward(list, arena, step, rows);
  }

  #encodeForward(list: CommandList, arena: TrainingArena, own: ProgramStep, rows: TableRange): void {
    const { step } = own;
    if ("before" in own && own.before)
      this.#copyRows(list, arena.activation(own.before), arena.activation(own.output), own.output, rows);
    switch (step.kind) {
      case "lookUp": {
        const weights = this.#forward.weights.embedding(step);
        embeddingForward(list, compiled(this.#forward.pipelines.embedding, weights.tokens[0]!.format), {
          weights,
          rowInfo: arena.rowInfo,
          X: arena.activation(own.output),
          rows,
          scale: step.scale,
        });
        return;
      }
      case "norm": {
        const { input, output } = own as ProgramNorm;
        normForward(list, this.#pipelines.steps.norm, {
          X: arena.activation(input),
          Y: arena.activation(output),
          adds: step.adds,
          ...this.#forward.normOf(own as ProgramNorm, rows),
        });
        return;
      }
      case "linear":
        this.#encodeLinear(list, arena, own as ProgramLinear, rows);
        return;
      case "gate":
        gateForward(list, this.#pipelines.steps.gate!, {
          X: arena.activation((own as ProgramFlow).input),
          Y: arena.activation(own.output),
          rows,
          vectors: own.output.vectors,
        });
        return;
      case "scale": {
        const { input, output } = own as ProgramFlow;
        scaleForward(list, this.#pipelines.steps.scale!, {
          X: arena.activation(input),
          Y: arena.activation(output),
          rows,
          vectors: output.vectors,
          factor: step.factor,
          adds: step.adds,
        });
        return;
      }
      case "rotary": {
        const { queries, keys, values, output, keyValue } = own as ProgramRotary;
        rotaryForward(list, this.#pipelines.steps.rotary!, {
          Q: arena.activation(queries),
          K: arena.activation(keys),
          V: arena.activation(values),
          rowInfo: arena.rowInfo,
          turnedQ: arena.activation(output),
          KV: arena.activation(keyValue),
          ...this.#forward.rotaryOf(own as ProgramRotary, rows),
        });
        return;
      }
      default:
        step satisfies never;
    }
  }

  #encodeLinear(list: CommandList, arena: TrainingArena, own: ProgramLinear, rows: TableRange): void {
    const { step, layer, input, preActivation, output } = own;
    const weights = this.#forward.weights.wholeLinear(step.role, layer);
    linearForward(list, this.#forward.linearPipelines(weights), {
      X: arena.activation(input),
      weights,
      Y: arena.activation(preActivation ?? output),
      rows,
      adds: step.adds,
    });
    if (!preActivation) return;
    activateForward(list, this.#pipelines.activate, {
      X: arena.activation(preActivation),
      Y: arena.activation(output),
      rows,
      vectors: output.vectors,
    });
  }

  /** Adds the gradient of a step's input, formed from that of its output. */
  #encodeInputGradient(list: CommandList, arena: TrainingArena, own: ProgramStep, rows: TableRange): void {
    if ("queries" in own) this.#encodeTurnBack(list, arena, own, rows);
    if (!("input" in own)) return;
    const { input } = own;
    const gradient = this.gradients.flowOf(own);
    const inputGradient = "inputPreActivation" in own ? (own.inputPreActivation ?? input) : input;
    const dX = arena.gradient(inputGradient);
    if (gradient.copiedFrom) this.#copyRows(list, arena.gradient(gradient.copiedFrom), dX, input, rows);
    if (own.step.kind === "norm") {
      normBackwardInput(list, this.#pipelines, {
        X: arena.activation(input),
        dY: arena.gradient(gradient.source),
        dX,
        stats: arena.normStats(own as ProgramNorm),
        adds: gradient.adds,
        ...this.#forward.normOf(own as ProgramNorm, rows),
      });
      return;
    }
    if (own.step.kind === "gate") {
      gateBackward(list, this.#pipelines.gate!, {
        X: arena.activation(input),
        dY: arena.gradient(gradient.source),
        dX,
        rows,
        vectors: own.output.vectors,
      });
      return;
    }
    if (own.step.kind === "scale") {
      scaleForward(list, this.#pipelines.steps.scale!, {
        X: arena.gradient(gradient.source),
        Y: dX,
        rows,
        vectors: input.vectors,
        factor: own.step.factor,
        adds: gradient.adds,
      });
      return;
    }
    const { step, layer, preActivation, inputPreActivation } = own as ProgramLinear;
    linearBackwardInput(list, this.#pipelines, {
      dY: arena.gradient(preActivation ?? gradient.source),
      weights: this.#forward.weights.wholeLinear(step.role, layer),
      dX,
      rows,
      preActivation: inputPreActivation && arena.activation(inputPreActivation),
      adds: gradient.adds,
    });
  }

  #encodeTurnBack(list: CommandList, arena: TrainingArena, own: ProgramRotary, rows: TableRange): void {
    const { queries, keys, values, output, keyValue } = own;
    rotaryBackward(list, this.#pipelines.rotary!, {
      dTurnedQ: arena.gradient(output),
      dKV: arena.gradient(keyValue),
      dQ: queries === values ? undefined : arena.gradient(queries),
      dK: keys === values ? undefined : arena.gradient(keys),
      dV: arena.gradient(values),
      rowInfo: arena.rowInfo,
      ...this.#forward.rotaryOf(own, rows),
    });
  }

  #encodeWeightGradient(
    list: CommandList,
    arena: TrainingArena,
    gradients: ModelWeights,
    own: ProgramStep,
    { rows, tokens, positions }: ShareRows,
  ): void {
    const { step, layer } = own;
    const { partials } = arena;
    switch (step.kind) {
      case "lookUp": {
        const to = gradients.embedding(step);
        embeddingBackward(list, this.#pipelines.embedding, {
          dX: arena.gradient(own.output),
          to,
          tokens,
          positions,
          scale: step.scale,
        });
        return;
      }
      case "norm": {
        const { input, output, normsPerRow, inputOffset } = own as ProgramNorm;
        const gradient = this.gradients.flowOf(own as ProgramNorm);
        normBackwardWeight(list, this.#pipelines, {
          X: arena.activation(input),
          dY: arena.gradient(gradient.source),
          stats: arena.normStats(own as ProgramNorm),
          to: gradients.norm(step.role, layer),
          rows,
          normsPerRow,
          inputVectors: input.vectors,
          inputOffset,
          outputVectors: output.vectors,
          partials,
        });
        return;
      }
      case "linear": {
        const { input, preActivation } = own as ProgramLinear;
        const gradient = this.gradients.flowOf(own as ProgramLinear);
        linearBackwardWeight(list, this.#pipelines, {
          X: arena.activation(input),
          dY: arena.gradient(preActivation ?? gradient.source),
          to: gradients.wholeLinear(step.role, layer),
          rows,
          partials,
        });
        return;
      }
      case "gate":
      case "scale":
      case "rotary":
        return;
      default:
        step satisfies never;
    }
  }

  /** Adds the logits of a chunk and turns them into their gradient. The losses go to arena.loss. */
  #encodeLoss(list: CommandList, arena: TrainingArena, chunk: LossRows, lossScale: number): void {
    const { logits, loss } = arena;
    const { rows, firstTarget, firstLoss } = chunk;
    const shards = this.#forward.headShards;
    const size = this.#model.shape;
    const X = arena.activation(this.#model.program.final);
    const shape = this.#model.recipe.head ?? {};
    headForward(list, this.#forward.linearPipelines(shards[0]!), { X, shards, logits, rows, size });
    adjustLogits(list, this.#forward.pipelines.adjustLogits, {
      logits,
      rowCount: rows.count,
      size,
      ...shape,
    });
    crossEntropyBackward(list, this.#pipelines.crossEntropy, {
      logits,
      loss,
      rowCount: rows.count,
      firstTarget,
      firstLoss,
      scale: lossScale,
      size,
      shape,
    });
  }

  #headOf(arena: TrainingArena, rows: TableRange) {
    const X = arena.activation(this.#model.program.final);
    return { dLogits: arena.logits, X, rows, size: this.#model.shape };
  }

  #copyRows(list: CommandList, X: GpuBuffer, Y: GpuBuffer, { vectors }: Value, rows: TableRange): void {
    activateForward(list, this.#pipelines.copyRows, { X, Y, rows, vectors });
  }
}
