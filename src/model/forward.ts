// The forward pass of one model on one queue. Walks its program step by step over tables of rows, and holds no state of a run.
import type { GpuBuffer } from "../gpu/buffer.js";
import type { CommandList, TableRange } from "../gpu/command-list.js";
import { attentionForward, type SplitRoom } from "../layers/attention.js";
import { embeddingForward } from "../layers/embedding.js";
import { gateForward, scaleForward } from "../layers/gate.js";
import { adjustLogits, headForward, logProbability } from "../layers/head.js";
import {
  attentionInputs,
  gatedForward,
  linearForward,
  type AttentionInputs,
  type LinearForward,
  type LinearPipelines,
} from "../layers/linear.js";
import { addedNormForward, normForward, type NormCall } from "../layers/norm.js";
import { normedRotaryForward, rotaryForward, type RotaryForward } from "../layers/rotary.js";
import type { HeadShard, LinearWeights } from "../layers/weights.js";
import { pickForRows, type ByRows } from "../kernels/by-rows.js";
import { invariant } from "../util/invariant.js";
import { keyValueName } from "./arena/activations.js";
import type { Arena } from "./arena/arena.js";
import type { ModelDefinition } from "./definition.js";
import { logProbabilityPartialBytes } from "../kernels/loss/log-probability.js";
import { inputNormKey, normedLanes, type ForwardPipelines, type KeyValuePipelines } from "./pipelines.js";
import type { BlockRange, RowRange } from "./rows.js";
import { dispatchesOf, stepsOf, type FusedStep } from "./fuse.js";
import {
  nameOfStep,
  type ProgramLinear,
  type ProgramNorm,
  type ProgramRotary,
  type ProgramStep,
} from "./program.js";
import type { Rotation } from "../families/model-config.js";
import type { CacheFormat } from "../tensor/formats.js";
import type { ModelWeights } from "./weights/model-weights.js";

/** A key-value cache that outlives the submission, and which of its rows are written. */
export interface CacheRows {
  keyValueOf(layer: number): GpuBuffer;
  /** The entry in the tables that has the cache row of the first row at a layer. Those of the other rows follow. */
  firstEntryOf(layer: number): number;
  /** The first cache row of every page of every sequence at a layer. */
  pageTableOf(layer: number): GpuBuffer;
  /** The newest token of each sequence, for rows whose token the host does not know. */
  readonly sampled: GpuBuffer;
}

/**
 * Called after every dispatch with the name of its last step ("norm1.0", "finalNorm") and the buffer that it wrote, where queries,
 * keys and values are taken apart with "query.0" and "keyValue.0". For tests.
 */
export type StageObserver = (stage: string, buffer: GpuBuffer) => void;

export class Forward {
  readonly model: ModelDefinition;
  readonly weights: ModelWeights;
  readonly pipelines: ForwardPipelines;
  /** The angles of each rotation. */
  readonly angles: ReadonlyMap<Rotation, GpuBuffer>;
  /** The dispatches of each segment. */
  readonly #dispatches: ByRows<readonly (readonly FusedStep[])[]>;

  constructor(
    model: ModelDefinition,
    weights: ModelWeights,
    pipelines: ForwardPipelines,
    angles: ReadonlyMap<Rotation, GpuBuffer>,
  ) {
    this.model = model;
    this.weights = weights;
    this.pipelines = pipelines;
    this.angles = angles;
    this.#dispatches = {
      few: dispatchesOf(model.fused, pipelines.normsWithin),
      many: dispatchesOf(model.fused, new Set()),
    };
  }

  /** How the cache of generation is stored. */
  get cacheFormat(): CacheFormat {
    return this.pipelines.halfCache ? "f16" : "f32";
  }

  /** Segment `segment` (0…layers) for the rows of a row table. Without a cache, keys and values are in the arena. */
  encodeSegment(
    list: CommandList,
    arena: Arena,
    segment: number,
    rows: RowRange,
    cache?: CacheRows,
    observe?: StageObserver,
  ): void {
    for (const own of pickForRows(this.#dispatches, rows.count)[segment]!) {
      this.#encodeFused(list, arena, own, rows, cache);
      if (!observe) continue;
      const last = stepsOf(own).at(-1)!;
      const at = (name: string): string => (last.layer === undefined ? name : `${name}.${last.layer}`);
      if ("queries" in last) {
        observe(at("query"), arena.of("query"));
        observe(at("keyValue"), this.#keyValueOf(arena, last.layer, cache));
      } else observe(at(nameOfStep(last.step)), arena.of(last.output.place));
    }
  }

  /** Attention at `layer` (0…layers−1) for the query blocks of a block table. */
  encodeAttention(
    list: CommandList,
    arena: Arena,
    layer: number,
    blocks: BlockRange,
    cache?: CacheRows,
    observe?: StageObserver,
  ): void {
    const { step } = this.model.program.attention[layer]!;
    const A = arena.of("attention");
    const { attention } = this.#cached(cache);
    attentionForward(list, attention[layer]!, {
      Q: arena.of("query"),
      KV: this.#keyValueOf(arena, layer, cache),
      rowInfo: arena.rowInfo,
      pageTable: cache ? cache.pageTableOf(layer) : arena.pageTable,
      A,
      blocks,
      heads: this.model.shape.heads,
      step,
      split: this.splitRoom(arena, blocks),
    });
    observe?.(`attention.${layer}`, A);
  }

  /** The rows that the last segment writes and the head reads, (rows, C). */
  finalRows(arena: Arena): GpuBuffer {
    return arena.of(this.model.program.final.place);
  }

  /** Logits of the rows of a table (after the last segment) into rows 0… of `logits`, (rows, V padded to 4). */
  encodeHead(list: CommandList, arena: Arena, rows: TableRange, logits: GpuBuffer): void {
    const shards = this.headShards;
    const X = this.finalRows(arena);
    const { shape: size, recipe } = this.model;
    headForward(list, this.linearPipelines(shards[0]!), { X, shards, logits, rows, size });
    adjustLogits(list, this.pipelines.adjustLogits, { logits, rowCount: rows.count, size, ...recipe.head });
  }

  /** Log-probability of one token per row of `logits`: see `logProbability`. */
  encodeLogProbability(
    list: CommandList,
    arena: Arena,
    logits: GpuBuffer,
    targets: TableRange,
    output: GpuBuffer,
  ): void {
    const { shape: size } = this.model;
    const partials = arena.scratch(
      "logProbabilityPartials",
      targets.count * logProbabilityPartialBytes(size.vocabulary),
    );
    logProbability(list, this.pipelines.logProbability, { logits, targets, partials, output, size });
  }

  /** The shards of the head, which are the embedding's if the head is tied to it. */
  get headShards(): readonly HeadShard[] {
    return this.weights.headShards(this.model.recipe);
  }

  linearPipelines({ format }: Pick<LinearWeights, "format">): LinearPipelines {
    return compiled(this.pipelines.linear, format);
  }

  anglesOf(rotation: Rotation | undefined): GpuBuffer | undefined {
    return rotation && this.angles.get(rotation);
  }

  /** What forward and backward dispatches of a norm have in common, but for X. */
  normOf(
    { step, layer, input, output, normsPerRow, inputOffset }: ProgramNorm,
    rows: TableRange,
  ): Omit<NormCall, "X"> {
    return {
      weights: this.weights.norm(step.role, layer),
      rows,
      method: step.method,
      normsPerRow,
      inputVectors: input.vectors,
      inputOffset,
      outputVectors: output.vectors,
      epsilon: this.model.config.normEpsilon,
      gainOffset: step.gainOffset,
    };
  }

  /** What forward and backward dispatches that take queries, keys and values apart have in common. */
  rotaryOf(
    { step, queries, keys, values }: ProgramRotary,
    rows: TableRange,
  ): Pick<
    RotaryForward,
    | "rotation"
    | "angles"
    | "rows"
    | "headVectors"
    | "queryVectors"
    | "keyVectors"
    | "queryStride"
    | "keyStride"
    | "keyOffset"
  > {
    const { rotation } = step;
    const { headVectors, queryVectors, keyValueVectors } = this.model.shape;
    return {
      rotation,
      angles: this.anglesOf(rotation),
      rows,
      headVectors,
      queryVectors,
      keyVectors: keyValueVectors / 2,
      queryStride: queries.vectors,
      keyStride: keys.vectors,
      keyOffset: keys === values ? queryVectors : 0,
    };
  }

  /** `inputNorm`: that of the input, to be computed within the dispatch. */
  #encodeFused(
    list: CommandList,
    arena: Arena,
    own: FusedStep,
    rows: RowRange,
    cache: CacheRows | undefined,
    inputNorm?: ProgramNorm,
  ): void {
    switch (own.kind) {
      case "normedProduct":
        this.#encodeFused(list, arena, own.product, rows, cache, own.norm);
        return;
      case "step":
        this.#encodeStep(list, arena, own.step, rows, cache, inputNorm);
        return;
      case "attentionInputs": {
        const { linear, rotary } = own;
        const to = this.#attentionInputsOf(arena, rotary, rows, cache);
        for (const call of this.#linearsOf(arena, linear, rows, inputNorm))
          attentionInputs(list, compiled(this.#cached(cache).attentionInputs, call.weights.format), {
            ...call,
            ...to,
          });
        return;
      }
      case "normedRotary": {
        const { query, key, rotary } = own;
        normedRotaryForward(list, this.#cached(cache).normedRotary.get(normedLanes(own))!, {
          X: arena.of(rotary.step.values),
          query: this.weights.norm(query.step.role, query.layer),
          key: this.weights.norm(key.step.role, key.layer),
          queryNorms: query.normsPerRow,
          keyNorms: key.normsPerRow,
          epsilon: this.model.config.normEpsilon,
          gainOffset: query.step.gainOffset,
          ...this.#attentionInputsOf(arena, rotary, rows, cache),
        });
        return;
      }
      case "gated": {
        const { step, layer } = own.linear;
        const weights = this.weights.wholeLinear(step.role, layer);
        gatedForward(list, compiled(this.pipelines.gated, weights.format), {
          ...this.#inputOf(arena, own.linear, inputNorm),
          weights,
          Y: arena.of(own.gate.step.to),
          rows,
        });
        return;
      }
      case "scaledLinear": {
        const { to, factor } = own.scale.step;
        const Y = arena.of(to);
        for (const call of this.#linearsOf(arena, own.linear, rows))
          linearForward(list, this.linearPipelines(call.weights), { ...call, Y, adds: true, factor });
        return;
      }
      case "addedNorm": {
        const { norm, next } = own;
        addedNormForward(list, this.pipelines.addedNorm, {
          X: arena.of(norm.step.from),
          Y: arena.of(norm.step.to),
          Z: arena.of(next.step.to),
          weights: this.weights.norm(norm.step.role, norm.layer),
          nextWeights: this.weights.norm(next.step.role, next.layer),
          rows,
          epsilon: this.model.config.normEpsilon,
          gainOffset: norm.step.gainOffset,
          nextGainOffset: next.step.gainOffset,
        });
        return;
      }
      default:
        own satisfies never;
    }
  }

  /** A call for every piece of the weights. */
  #linearsOf(
    arena: Arena,
    linear: ProgramLinear,
    rows: RowRange | TableRange,
    norm?: ProgramNorm,
  ): readonly Pick<LinearForward, "X" | "norm" | "weights" | "rows" | "outputStride">[] {
    const { step, layer, output } = linear;
    const input = this.#inputOf(arena, linear, norm);
    return this.weights
      .linear(step.role, layer)
      .map((weights) => ({ ...input, weights, rows, outputStride: output.vectors }));
  }

  #inputOf(
    arena: Arena,
    { step }: ProgramLinear,
    norm: ProgramNorm | undefined,
  ): Pick<LinearForward, "X" | "norm"> {
    if (!norm) return { X: arena.of(step.from) };
    const weights = this.weights.norm(norm.step.role, norm.layer);
    return { X: arena.of(norm.step.from), norm: { key: inputNormKey(norm), weights } };
  }

  /** Where queries, keys and values of rows go, and how they are turned. */
  #attentionInputsOf(
    arena: Arena,
    { step, layer }: ProgramRotary,
    rows: RowRange,
    cache: CacheRows | undefined,
  ): Omit<AttentionInputs, "X" | "weights"> {
    const { headVectors, queryVectors, keyValueVectors } = this.model.shape;
    return {
      Q: arena.of("query"),
      KV: this.#keyValueOf(arena, layer, cache),
      rows,
      rotation: step.rotation,
      angles: this.anglesOf(step.rotation),
      positionEntry: rows.positionEntry,
      slotEntry: cache ? cache.firstEntryOf(layer) : rows.firstEntry,
      headVectors,
      queryVectors,
      keyVectors: keyValueVectors / 2,
    };
  }

  /** What stores keys and values in an arena, or in a cache. */
  #cached(cache: CacheRows | undefined): KeyValuePipelines {
    return (cache && this.pipelines.halfCache) ?? this.pipelines;
  }

  #encodeStep(
    list: CommandList,
    arena: Arena,
    own: ProgramStep,
    rows: TableRange,
    cache: CacheRows | undefined,
    inputNorm?: ProgramNorm,
  ): void {
    const { step, layer } = own;
    const output = arena.of(own.output.place);
    switch (step.kind) {
      case "lookUp": {
        const weights = this.weights.embedding(step);
        embeddingForward(list, compiled(this.pipelines.embedding, weights.tokens[0]!.format), {
          weights,
          rowInfo: arena.rowInfo,
          sampled: cache?.sampled,
          X: output,
          rows,
          scale: step.scale,
          firstPosition: step.firstPosition,
        });
        return;
      }
      case "norm":
        normForward(list, this.pipelines.norm, {
          X: arena.of(step.from),
          Y: output,
          adds: step.adds,
          ...this.normOf(own as ProgramNorm, rows),
        });
        return;
      case "linear": {
        const { activates, adds } = step;
        for (const call of this.#linearsOf(arena, own as ProgramLinear, rows, inputNorm))
          linearForward(list, this.linearPipelines(call.weights), { ...call, Y: output, activates, adds });
        return;
      }
      case "gate":
        gateForward(list, this.pipelines.gate!, {
          X: arena.of(step.from),
          Y: output,
          rows,
          vectors: own.output.vectors,
        });
        return;
      case "scale":
        scaleForward(list, this.pipelines.scale!, {
          X: arena.of(step.from),
          Y: output,
          rows,
          vectors: own.output.vectors,
          factor: step.factor,
          adds: step.adds,
        });
        return;
      case "rotary":
        rotaryForward(list, this.#cached(cache).rotary!, {
          Q: arena.of(step.queries),
          K: arena.of(step.keys),
          V: arena.of(step.values),
          rowInfo: arena.rowInfo,
          turnedQ: output,
          KV: this.#keyValueOf(arena, layer!, cache),
          keyValueEntry: cache?.firstEntryOf(layer!),
          ...this.rotaryOf(own as ProgramRotary, rows),
        });
        return;
      default:
        step satisfies never;
    }
  }

  /** What attention needs if it is split over keys. */
  splitRoom(arena: Pick<Arena, "scratch">, { mostKeys }: BlockRange): SplitRoom {
    const { headVectors } = this.model.shape;
    const room = (sizeBytes: number): GpuBuffer =>
      // Powers of two, so that the buffer grows only a few times.
      arena.scratch("attentionPartials", 2 ** Math.ceil(Math.log2(sizeBytes)));
    return { mostKeys, headVectors, room };
  }

  #keyValueOf(arena: Arena, layer: number, cache: CacheRows | undefined): GpuBuffer {
    return cache ? cache.keyValueOf(layer) : keyValueOf(arena, layer);
  }
}

/** The keys and values of a layer in an arena that has a buffer for each layer, or one for all layers in turn. */
export function keyValueOf(arena: Arena, layer: number): GpuBuffer {
  const own = keyValueName(layer);
  return arena.of(arena.has(own) ? own : keyValueName(0));
}

/** The pipelines for one of the formats that `compileForward` was called with. */
export function compiled<P>(pipelines: ReadonlyMap<string, P>, format: string): P {
  const own = pipelines.get(format);
  invariant(own, `no kernels were compiled for weights in ${format}`);
  return own;
}
