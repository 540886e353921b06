// Encodes the tasks of a training step on one queue, and knows where each row's loss ends up.
import { CommandList } from "../../gpu/command-list.js";
import { submitAndRead } from "../../gpu/submit-and-read.js";
import type { Queue } from "../../gpu/queue.js";
import type { ModelShape } from "../../model/shape.js";
import type { Stage } from "../../schedule/submission.js";
import { BUCKET_WORDS } from "../../kernels/embedding/backward.js";
import type { BucketRange } from "../../layers/embedding.js";
import type { Backward, ShareRows, LossRows } from "../../model/backward.js";
import type { ModelWeights } from "../../model/weights/model-weights.js";
import type { TrainingArena } from "../../model/arena/training-arena.js";
import {
  countRows,
  cutIntoChunks,
  writeBlockTable,
  writeRowTable,
  type BatchRows,
  type RowRun,
} from "../../model/rows.js";
import type { QueueEncoder } from "../passes/plan-run.js";

/** Rows per chunk of the head's weight gradient. A constant, because the order of its sums must not depend on k. */
export const WEIGHT_CHUNK_ROWS = 128;

/** One queue's part of a training step. */
export interface QueueTraining {
  readonly queue: Queue;
  readonly backward: Backward;
  readonly arena: TrainingArena;
  readonly batchRows: BatchRows;
  /** The tokens of the batch, by sentence. */
  readonly tokens: readonly Uint32Array[];
  /** The sentences of each share. Empty for shares of other queues. */
  readonly shares: readonly (readonly number[])[];
  /** The gradients of each share that this queue has. Zero at first. */
  readonly gradients: ReadonlyMap<number, ModelWeights>;
  /** 1 over the targets of the whole batch. */
  readonly lossScale: number;
  /** Rows per chunk of logits where activation gradients are formed. */
  readonly chunkRows: number;
}

export class TrainingEncoder implements QueueEncoder {
  readonly queue: Queue;
  readonly #work: QueueTraining;
  readonly #shape: ModelShape;
  /** Where losses are in arena.loss. */
  readonly #losses: { readonly run: RowRun; readonly at: number }[] = [];
  #lossCount = 0;

  constructor(work: QueueTraining, shape: ModelShape) {
    this.queue = work.queue;
    this.#work = work;
    this.#shape = shape;
  }

  encodeStage(list: CommandList, stage: Stage): (() => Promise<void>)[] {
    const { queue, backward, arena, batchRows, lossScale } = this.#work;
    const { level } = stage;
    if (stage.kind === "weight-gradient") {
      for (const task of stage.tasks) if (task.kind === "weight-gradient") this.#encodeWeights(list, task);
      return [];
    }
    const runs = batchRows.runsOf(stage.tasks);
    switch (stage.kind) {
      case "slice":
        backward.encodeSlice(list, arena, level, writeRowTable(queue.tables, runs));
        return [];
      case "attention":
        backward.encodeAttention(list, arena, level, writeBlockTable(queue.tables, runs));
        return [];
      case "attention-gradient":
        backward.encodeAttentionGradient(
          list,
          arena,
          level,
          writeRowTable(queue.tables, runs),
          writeBlockTable(queue.tables, runs),
        );
        return [];
      case "slice-gradient": {
        const loss = level === this.#shape.layers ? this.#writeLoss(runs) : [];
        backward.encodeSliceGradient(list, arena, level, writeRowTable(queue.tables, runs), loss, lossScale);
        return [];
      }
      default:
        return stage.kind satisfies never;
    }
  }

  /** A share is on one queue as a whole, so no rows travel. */
  encodeMoves(): (() => Promise<void>)[] {
    return [];
  }

  /** Call it after the run. Reads the loss of every target by sentence, (T−1) each. */
  async readLosses(into: readonly Float32Array[]): Promise<void> {
    const { queue, arena } = this.#work;
    if (this.#lossCount === 0) return;
    const sizeBytes = 4 * this.#lossCount;
    const values = new Float32Array(
      await submitAndRead(queue, "training.losses", sizeBytes, (list, readback) =>
        readback.copy(list, arena.loss, 0, sizeBytes),
      ),
    );
    for (const { run, at } of this.#losses)
      into[run.sentence]!.set(values.subarray(at, at + run.count), run.firstToken);
  }

  #encodeWeights(list: CommandList, { share, segment }: { share: number; segment: number }): void {
    const { backward, arena, gradients, lossScale } = this.#work;
    const rows = this.#writeShare(share, segment);
    backward.encodeWeightGradient(list, arena, gradients.get(share)!, segment, rows, lossScale);
  }

  /** Tables over all rows of a share, in the order of its sentences; only what `segment` reads. */
  #writeShare(share: number, segment: number): ShareRows {
    const { queue, batchRows, shares, tokens } = this.#work;
    const runs = shares[share]!.map((sentence): RowRun => ({
      sentence,
      firstToken: 0,
      firstRow: batchRows.rowOf(sentence, 0),
      count: tokens[sentence]!.length,
      keyCount: tokens[sentence]!.length,
    }));
    const rows = writeRowTable(queue.tables, runs);
    // The losses are formed a second time: they go behind those that are read.
    const loss =
      segment === this.#shape.layers
        ? cutIntoChunks(this.#withTargets(runs), WEIGHT_CHUNK_ROWS).map((chunk) =>
            this.#writeChunk(chunk, this.#work.arena.rows),
          )
        : [];
    const none: BucketRange = { firstBucket: 0, count: 0 };
    if (segment > 0) return { rows, loss, positions: none, tokens: [] };
    const positions = this.#writeBuckets(runs, (_, token) => token, 0, this.#shape.contextLength);
    const shards = this.#work.gradients
      .get(share)!
      .vocabulary("tokens")
      .map(({ firstToken, tokenCount }) =>
        this.#writeBuckets(runs, (sentence, token) => tokens[sentence]![token]!, firstToken, tokenCount),
      );
    return { rows, loss, positions, tokens: shards };
  }

  /** Chunks of rows with a target; notes where their losses will be. */
  #writeLoss(runs: readonly RowRun[]): LossRows[] {
    return cutIntoChunks(this.#withTargets(runs), this.#work.chunkRows).map((chunk) => {
      const firstLoss = this.#lossCount;
      for (const run of chunk) {
        this.#losses.push({ run, at: this.#lossCount });
        this.#lossCount += run.count;
      }
      return this.#writeChunk(chunk, firstLoss);
    });
  }

  #writeChunk(chunk: readonly RowRun[], firstLoss: number): LossRows {
    const { queue, tokens } = this.#work;
    const rows = writeRowTable(queue.tables, chunk);
    const firstTarget = queue.tables.reserve(countRows(chunk));
    let at = firstTarget;
    for (const { sentence, firstToken, count } of chunk)
      for (let row = 0; row < count; row++)
        queue.tables.words[at++] = tokens[sentence]![firstToken + row + 1]!;
    return { rows, firstTarget, firstLoss };
  }

  /** The last row of a sentence has nothing to predict. */
  #withTargets(runs: readonly RowRun[]): RowRun[] {
    return runs
      .map((run) => ({
        ...run,
        count: Math.min(run.count, this.#work.tokens[run.sentence]!.length - 1 - run.firstToken),
      }))
      .filter(({ count }) => count > 0);
  }

  /** Buckets of the rows whose id lies in firstId…firstId+idCount−1, ids ascending, rows in order. */
  #writeBuckets(
    runs: readonly RowRun[],
    idOf: (sentence: number, token: number) => number,
    firstId: number,
    idCount: number,
  ): BucketRange {
    const rowsOf = new Map<number, number[]>();
    for (const { sentence, firstRow, count } of runs)
      for (let token = 0; token < count; token++) {
        const id = idOf(sentence, token) - firstId;
        if (id < 0 || id >= idCount) continue;
        const rows = rowsOf.get(id);
        if (rows) rows.push(firstRow + token);
        else rowsOf.set(id, [firstRow + token]);
      }
    const { tables } = this.queue;
    const ids = [...rowsOf.keys()].toSorted((a, b) => a - b);
    const firstBucket = tables.reserve(BUCKET_WORDS * ids.length);
    const rowCount = ids.reduce((sum, id) => sum + rowsOf.get(id)!.length, 0);
    let at = tables.reserve(rowCount);
    const { words } = tables;
    for (const [index, id] of ids.entries()) {
      const rows = rowsOf.get(id)!;
      words.set([id, at, rows.length], firstBucket + BUCKET_WORDS * index);
      words.set(rows, at);
      at += rows.length;
    }
    return { firstBucket, count: ids.length };
  }
}
