// What is computed of rows behind the last segment of a model: of a row per text, or of rows of tokens. Loaded when a call needs it.
import type { HeadStep } from "../families/recipe.js";
import type { GpuBuffer } from "../gpu/buffer.js";
import type { CommandList, TableRange } from "../gpu/command-list.js";
import type { Queue } from "../gpu/queue.js";
import { finishVariant } from "../kernels/pooling/finish.js";
import { POOLING_WORDS, poolingVariant, type PoolingName } from "../kernels/pooling/pooling.js";
import { headForward } from "../layers/head.js";
import { normForward } from "../layers/norm.js";
import { poolSentences } from "../layers/pooling.js";
import { linearForward } from "../layers/linear.js";
import { finishActivationOf, finishRows, type FinishPipeline } from "../layers/row-steps.js";
import type { Arena } from "./arena/arena.js";
import { axisOf } from "./axis.js";
import type { Forward } from "./forward.js";
import { writeRowTable, type RowRun } from "./rows.js";

/**
 * Adds what is computed of runs of the arena's last rows: of every row, or of a head that pools, of every run, which is a whole
 * sentence. Returns a buffer whose rows, from 0 on, are the results.
 */
export type EncodeRuns = (list: CommandList, arena: Arena, runs: readonly RowRun[]) => GpuBuffer;

/** What is computed of rows, made ready for one queue. */
export interface RowHead {
  /** The numbers of a result. Rows are padded to vec4s. */
  readonly width: number;
  /** Compiles and uploads what is needed on a queue. Throws ShaderError, DeviceError. */
  prepare(queue: Queue, forward: Forward): Promise<EncodeRuns>;
}

/** The same for rows of any buffer, which a table lists. */
export interface RowSteps {
  readonly width: number;
  prepare(queue: Queue, forward: Forward): Promise<EncodeRows>;
}

type EncodeRows = (list: CommandList, arena: Arena, X: GpuBuffer, rows: TableRange) => GpuBuffer;

/** How the rows of a sentence become one: by several methods, joined. */
export interface PoolingRequest {
  readonly methods: readonly PoolingName[];
  /** How many tokens of each sentence are left out, from the first on. Default: none. */
  readonly skipped?: readonly number[] | undefined;
}

/** Steps for every row. */
export function rowsHead(steps: RowSteps): RowHead {
  return {
    width: steps.width,
    async prepare(queue, forward) {
      const encode = await steps.prepare(queue, forward);
      return (list, arena, runs) =>
        encode(list, arena, forward.finalRows(arena), writeRowTable(queue.tables, runs));
    },
  };
}

/** Pools every sentence. `steps` are for the pooled rows. Without them, poolings that are joined must not need padding. */
export function pooledHead({ methods, skipped }: PoolingRequest, width: number, steps?: RowSteps): RowHead {
  return {
    width: steps?.width ?? width,
    async prepare(queue, forward) {
      const [pipeline, encode] = await Promise.all([
        queue.pipelines.get(poolingVariant),
        steps?.prepare(queue, forward),
      ]);
      return (list, arena, sentences) => {
        const { channelVectors } = forward.model.shape;
        const sentenceCount = sentences.length;
        const firstWord = queue.tables.reserve(POOLING_WORDS * sentenceCount);
        for (const [index, { sentence, firstRow, count }] of sentences.entries())
          queue.tables.words.set(
            [firstRow, count, skipped?.[sentence] ?? 0],
            firstWord + POOLING_WORDS * index,
          );
        const Y = arena.scratch("pooled", 16 * channelVectors * methods.length * sentenceCount);
        const X = forward.finalRows(arena);
        poolSentences(list, pipeline, { X, Y, firstWord, sentenceCount, channelVectors, methods });
        return encode ? encode(list, arena, Y, listRows(queue, sentenceCount)) : Y;
      };
    },
  };
}

/** Entries of a table that list the rows from 0 on. */
export function listRows({ tables }: Queue, count: number): TableRange {
  const firstEntry = tables.reserve(count);
  for (let row = 0; row < count; row++) tables.words[firstEntry + row] = row;
  return { firstEntry, count };
}

/** Two buffers of rows in turn. */
export class RowRoom {
  readonly #arena: Arena;
  #turn = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  next(rows: number, vectors: number): GpuBuffer {
    this.#turn = 1 - this.#turn;
    return this.#arena.scratch(`head-${this.#turn}`, 16 * rows * vectors);
  }
}

/** The logits of labels, of every token or of every text. */
export function classifierHead({ model }: Forward): RowHead {
  const { of, steps } = model.recipe.classifier!;
  const own = headSteps(steps, model.config.classifier!.labels.length);
  return of === "tokens" ? rowsHead(own) : pooledHead({ methods: [of] }, model.shape.channels, own);
}

/** The logits of the vocabulary, of a head that first transforms rows. */
export function vocabularyHead({ model }: Forward): RowHead {
  const { transform = [] } = model.recipe.head!;
  const { channels, vocabulary } = model.shape;
  return rowsHead({
    width: vocabulary,
    async prepare(queue, forward) {
      const encodeSteps = await headSteps(transform, channels).prepare(queue, forward);
      return (list, arena, X, rows) => {
        const own = encodeSteps(list, arena, X, rows);
        const shards = forward.headShards;
        const size = forward.model.shape;
        const logits = arena.scratch("logits", 16 * size.vocabularyVectors * rows.count);
        headForward(list, forward.linearPipelines(shards[0]!), {
          X: own,
          shards,
          logits,
          rows: listRows(queue, rows.count),
          size,
        });
        return logits;
      };
    },
  });
}

function headSteps(steps: readonly HeadStep[], width: number): RowSteps {
  return {
    width,
    async prepare(queue, forward) {
      const activations = new Map<HeadStep, FinishPipeline>();
      for (const step of steps)
        if (step.kind === "linear" && step.activation !== undefined)
          activations.set(
            step,
            await queue.pipelines.get(finishVariant(finishActivationOf(step.activation))),
          );
      return (list, arena, X, rows) => {
        const { config } = forward.model;
        const room = new RowRoom(arena);
        const { count } = rows;
        let own = { X, rows };
        let axis = axisOf("channels", config);
        for (const step of steps) {
          if (step.kind === "norm") {
            const Y = room.next(count, axis.vectors);
            normForward(list, forward.pipelines.norm, {
              X: own.X,
              Y,
              rows: own.rows,
              weights: forward.weights.norm(step.role, undefined),
              method: "layer",
              normsPerRow: 1,
              inputVectors: axis.vectors,
              inputOffset: 0,
              outputVectors: axis.vectors,
              epsilon: config.normEpsilon,
              gainOffset: 0,
              adds: false,
            });
            own = { ...own, X: Y };
            continue;
          }
          axis = axisOf(step.to, config);
          const weights = forward.weights.wholeLinear(step.role, undefined);
          const product = room.next(count, axis.vectors);
          linearForward(list, forward.linearPipelines(weights), {
            ...own,
            Y: product,
            weights,
            isCompact: true,
          });
          own = { X: product, rows: listRows(queue, count) };
          const activation = activations.get(step);
          if (!activation) continue;
          const Y = room.next(count, axis.vectors);
          finishRows(list, activation, { X: product, Y, rowCount: count, width: axis.size });
          own = { ...own, X: Y };
        }
        return own.X;
      };
    },
  };
}
