// Encodes forward tasks of one queue: segments, attention, outputs, and the rows that other queues wait for.
import type { CommandList } from "../../gpu/command-list.js";
import { Readback } from "../../gpu/readback.js";
import type { Queue } from "../../gpu/queue.js";
import type { Arena } from "../../model/arena/arena.js";
import { keyValueRowBytes, type ModelShape } from "../../model/shape.js";
import { keyValueOf, type Forward } from "../../model/forward.js";
import type { EncodeRuns } from "../../model/row-head.js";
import type { Move } from "../../schedule/moves.js";
import type { Stage } from "../../schedule/submission.js";
import { writeBlockTable, writeRowTable, type BatchRows } from "../../model/rows.js";
import { QueueOutput, type OutputCollector } from "./output.js";
import type { QueueEncoder } from "./plan-run.js";

/** One queue's part of a forward run. */
export interface RunQueue {
  readonly queue: Queue;
  readonly forward: Forward;
  readonly arena: Arena;
  readonly batchRows: BatchRows;
  /** If something is computed of the last rows. */
  readonly head?: EncodeRuns | undefined;
}

export class ForwardEncoder implements QueueEncoder {
  readonly queue: Queue;
  movedBytes = 0;
  readonly #own: RunQueue;
  /** All queues of the run, by index. Rows may travel to them. */
  readonly #queues: readonly RunQueue[];
  readonly #output: QueueOutput;
  readonly #shape: ModelShape;

  constructor(own: RunQueue, queues: readonly RunQueue[], shape: ModelShape, collector: OutputCollector) {
    this.queue = own.queue;
    this.#own = own;
    this.#queues = queues;
    this.#output = new QueueOutput(own.queue, own.forward, shape, collector, own.head);
    this.#shape = shape;
  }

  encodeStage(list: CommandList, stage: Stage): (() => Promise<void>)[] {
    const { queue, forward, arena, batchRows } = this.#own;
    const runs = batchRows.runsOf(stage.tasks);
    if (stage.kind === "attention") {
      forward.encodeAttention(list, arena, stage.level, writeBlockTable(queue.tables, runs));
      return [];
    }
    forward.encodeSegment(list, arena, stage.level, writeRowTable(queue.tables, runs));
    if (stage.level < this.#shape.layers) return [];
    return this.#output.encode(list, arena, runs);
  }

  /** Copies the K and V rows that other queues wait for. The returned functions write them there, once they are on the host. */
  encodeMoves(list: CommandList, moves: readonly Move[]): (() => Promise<void>)[] {
    const targets = new Set(moves.map((move) => move.toQueue));
    return [...targets].map((target) =>
      this.#encodeMovesTo(
        list,
        this.#queues[target]!,
        moves.filter((move) => move.toQueue === target),
      ),
    );
  }

  #encodeMovesTo(list: CommandList, target: RunQueue, moves: readonly Move[]): () => Promise<void> {
    const source = this.#own;
    const rowBytes = keyValueRowBytes(this.#shape);
    const sizeBytes = rowBytes * moves.reduce((sum, move) => sum + move.tokenCount, 0);
    const readback = new Readback(source.queue, sizeBytes);
    const places = moves.map(({ sentence, layer, firstToken, tokenCount }) => ({
      at: readback.copy(
        list,
        keyValueOf(source.arena, layer),
        rowBytes * source.batchRows.rowOf(sentence, firstToken),
        rowBytes * tokenCount,
      ),
      buffer: keyValueOf(target.arena, layer),
      offset: rowBytes * target.batchRows.rowOf(sentence, firstToken),
      sizeBytes: rowBytes * tokenCount,
    }));
    this.movedBytes += sizeBytes;
    return async () => {
      const bytes = await readback.read();
      for (const place of places)
        target.queue.device.queue.writeBuffer(
          place.buffer.raw,
          place.offset,
          bytes,
          place.at,
          place.sizeBytes,
        );
    };
  }
}
