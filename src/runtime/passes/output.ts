// Reads back the results of a forward pass: the rows of the last segment that the caller asked for, per submission.
import type { CommandList } from "../../gpu/command-list.js";
import { Readback } from "../../gpu/readback.js";
import type { Queue } from "../../gpu/queue.js";
import type { Arena } from "../../model/arena/arena.js";
import type { ModelShape } from "../../model/shape.js";
import type { Forward } from "../../model/forward.js";
import { countRows, cutIntoChunks, writeRowTable, type RowRun } from "../../model/rows.js";

/** "last": logits after each sentence's last token; "all": after every token; "hidden": final hidden rows. */
export type OutputKind = "last" | "all" | "hidden" | "logProbabilities";

/** Logits take the most memory of all, so if their rows do not fit here, they are computed and read in chunks. */
const CHUNK_BYTES = 64 * 2 ** 20;

/** Collects one value per sentence: [V], [T,V], [T,C] or [T−1] numbers. Shared by all queues of a run. */
export class OutputCollector {
  readonly kind: OutputKind;
  readonly values: readonly Float32Array<ArrayBuffer>[];
  readonly #tokens: readonly Uint32Array[];
  readonly #width: number;

  constructor(kind: OutputKind, tokens: readonly Uint32Array[], shape: ModelShape) {
    this.kind = kind;
    this.#tokens = tokens;
    this.#width = kind === "hidden" ? shape.channels : kind === "logProbabilities" ? 1 : shape.vocabulary;
    this.values = tokens.map(
      ({ length }) =>
        new Float32Array(
          this.#width * (kind === "last" ? 1 : kind === "logProbabilities" ? length - 1 : length),
        ),
    );
  }

  /** Returns the part of a run of rows that was asked for. */
  wanted(run: RowRun): RowRun | undefined {
    const { length } = this.#tokens[run.sentence]!;
    const end = run.firstToken + run.count;
    const from = this.kind === "last" ? Math.max(run.firstToken, length - 1) : run.firstToken;
    const to = this.kind === "logProbabilities" ? Math.min(end, length - 1) : end;
    if (from >= to) return undefined;
    const skipped = from - run.firstToken;
    return { ...run, firstToken: from, firstRow: run.firstRow + skipped, count: to - from };
  }

  /** Returns the token whose probability is wanted of the row of `token`: the one after it. */
  targetOf(sentence: number, token: number): number {
    return this.#tokens[sentence]![token + 1]!;
  }

  /** Takes rows of `stride` numbers, the first at number `at` of `source`, that belong to `run`. */
  store(run: RowRun, source: Float32Array, at: number, stride: number): void {
    const target = this.values[run.sentence]!;
    const first = this.kind === "last" ? 0 : run.firstToken;
    for (let row = 0; row < run.count; row++) {
      const from = at + row * stride;
      target.set(source.subarray(from, from + this.#width), (first + row) * this.#width);
    }
  }
}

/** Encodes a run's outputs on one queue. */
export class QueueOutput {
  readonly #queue: Queue;
  readonly #forward: Forward;
  readonly #shape: ModelShape;
  readonly #collector: OutputCollector;

  constructor(queue: Queue, forward: Forward, shape: ModelShape, collector: OutputCollector) {
    this.#queue = queue;
    this.#forward = forward;
    this.#shape = shape;
    this.#collector = collector;
  }

  /** Adds the outputs of `runs`, whose last segment is in `list`. The returned functions store them, once they are read. */
  encode(list: CommandList, arena: Arena, runs: readonly RowRun[]): (() => Promise<void>)[] {
    const wanted = runs.flatMap((run) => this.#collector.wanted(run) ?? []);
    if (wanted.length === 0) return [];
    const isHidden = this.#collector.kind === "hidden";
    const { channelVectors, vocabularyVectors } = this.#shape;
    const rowBytes = 16 * (isHidden ? channelVectors : vocabularyVectors);
    const chunkRows = Math.floor(Math.min(CHUNK_BYTES, this.#queue.maxBindingBytes) / rowBytes);
    return cutIntoChunks(wanted, Math.max(1, chunkRows)).map((chunk) =>
      isHidden ? this.#encodeHidden(list, arena, chunk) : this.#encodeLogits(list, arena, chunk),
    );
  }

  #encodeHidden(list: CommandList, arena: Arena, runs: readonly RowRun[]): () => Promise<void> {
    const rowBytes = 16 * this.#shape.channelVectors;
    const readback = new Readback(this.#queue, countRows(runs) * rowBytes);
    for (const run of runs)
      readback.copy(list, this.#forward.finalRows(arena), run.firstRow * rowBytes, run.count * rowBytes);
    return () => this.#storeAll(readback, runs, rowBytes / 4);
  }

  #encodeLogits(list: CommandList, arena: Arena, runs: readonly RowRun[]): () => Promise<void> {
    const rows = writeRowTable(this.#queue.tables, runs);
    const rowBytes = 16 * this.#shape.vocabularyVectors;
    const logits = arena.scratch("logits", rows.count * rowBytes);
    this.#forward.encodeHead(list, arena, rows, logits);
    if (this.#collector.kind !== "logProbabilities") {
      const readback = new Readback(this.#queue, rows.count * rowBytes);
      readback.copy(list, logits, 0, rows.count * rowBytes);
      return () => this.#storeAll(readback, runs, rowBytes / 4);
    }
    const firstEntry = this.#queue.tables.reserve(rows.count);
    const { words } = this.#queue.tables;
    let at = firstEntry;
    for (const { sentence, firstToken, count } of runs)
      for (let row = 0; row < count; row++)
        words[at++] = this.#collector.targetOf(sentence, firstToken + row);
    const probabilities = arena.scratch("probabilities", 4 * rows.count);
    const targets = { firstEntry, count: rows.count };
    this.#forward.encodeLogProbability(list, logits, targets, probabilities);
    const readback = new Readback(this.#queue, 4 * rows.count);
    readback.copy(list, probabilities, 0, 4 * rows.count);
    return () => this.#storeAll(readback, runs, 1);
  }

  async #storeAll(readback: Readback, runs: readonly RowRun[], stride: number): Promise<void> {
    const values = new Float32Array(await readback.read());
    let row = 0;
    for (const run of runs) {
      this.#collector.store(run, values, row * stride, stride);
      row += run.count;
    }
  }
}
