// Reads back the results of a forward pass: the rows of the last segment that the caller asked for, per submission.
import type { CommandList } from "../../gpu/command-list.js";
import { Readback } from "../../gpu/readback.js";
import type { Queue } from "../../gpu/queue.js";
import type { Arena } from "../../model/arena/arena.js";
import type { ModelShape } from "../../model/shape.js";
import type { Forward } from "../../model/forward.js";
import { POOLING_WORDS, type PoolingName } from "../../kernels/pooling/pooling.js";
import { poolSentences, type PoolingPipeline } from "../../layers/pooling.js";
import { countRows, cutIntoChunks, writeRowTable, type RowRun } from "../../model/rows.js";

/**
 * "last": logits after each sentence's last token; "all": after every token; "hidden": final hidden rows; "pooled": one vector of
 * these for each sentence.
 */
export type OutputKind = "last" | "all" | "hidden" | "pooled" | "logProbabilities";

/** How the rows of sentences become one vector each: by several methods, joined. */
export interface PoolingRequest {
  readonly methods: readonly PoolingName[];
  /** How many tokens of each sentence are left out, from the first on. Default: none. */
  readonly skipped?: readonly number[] | undefined;
}

/** Logits take the most memory of all, so if their rows do not fit here, they are computed and read in chunks. */
const CHUNK_BYTES = 64 * 2 ** 20;

/** Collects one value per sentence: [V], [T,V], [T,C], [methods·C] or [T−1] numbers. Shared by all queues of a run. */
export class OutputCollector {
  readonly kind: OutputKind;
  readonly values: readonly Float32Array<ArrayBuffer>[];
  /** Of "pooled". */
  readonly pooling: PoolingRequest | undefined;
  readonly #tokens: readonly Uint32Array[];
  readonly #width: number;
  /** Of "pooled": how many rows of each sentence are there. */
  readonly #finished: number[];

  constructor(kind: OutputKind, tokens: readonly Uint32Array[], shape: ModelShape, pooling?: PoolingRequest) {
    this.kind = kind;
    this.pooling = pooling;
    this.#tokens = tokens;
    this.#finished = tokens.map(() => 0);
    const widths: Readonly<Record<OutputKind, number>> = {
      last: shape.vocabulary,
      all: shape.vocabulary,
      hidden: shape.channels,
      pooled: shape.channels,
      logProbabilities: 1,
    };
    this.#width = widths[kind];
    const countOf: Readonly<Record<OutputKind, (length: number) => number>> = {
      last: () => 1,
      all: (length) => length,
      hidden: (length) => length,
      pooled: () => pooling!.methods.length,
      logProbabilities: (length) => length - 1,
    };
    this.values = tokens.map(({ length }) => new Float32Array(this.#width * countOf[kind](length)));
  }

  /** Returns the part of a run of rows that was asked for. */
  wanted(run: RowRun): RowRun | undefined {
    const { length } = this.#tokens[run.sentence]!;
    const end = run.firstToken + run.count;
    if (this.kind === "pooled") {
      // The rows of earlier runs are on the same queue, as sentences that are pooled stay on one.
      const finished = (this.#finished[run.sentence]! += run.count);
      if (finished < length) return undefined;
      return {
        sentence: run.sentence,
        firstToken: 0,
        firstRow: run.firstRow - run.firstToken,
        count: length,
        keyCount: run.keyCount,
      };
    }
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

  /** Takes the vectors of a sentence, `stride` numbers each. */
  storePooled(sentence: number, source: Float32Array, at: number, stride: number): void {
    const target = this.values[sentence]!;
    for (let method = 0; method * this.#width < target.length; method++) {
      const from = at + method * stride;
      target.set(source.subarray(from, from + this.#width), method * this.#width);
    }
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
  readonly #pooling: PoolingPipeline | undefined;

  constructor(
    queue: Queue,
    forward: Forward,
    shape: ModelShape,
    collector: OutputCollector,
    pooling: PoolingPipeline | undefined,
  ) {
    this.#pooling = pooling;
    this.#queue = queue;
    this.#forward = forward;
    this.#shape = shape;
    this.#collector = collector;
  }

  /** Adds the outputs of `runs`, whose last segment is in `list`. The returned functions store them, once they are read. */
  encode(list: CommandList, arena: Arena, runs: readonly RowRun[]): (() => Promise<void>)[] {
    const wanted = runs.flatMap((run) => this.#collector.wanted(run) ?? []);
    if (wanted.length === 0) return [];
    if (this.#collector.kind === "pooled") return [this.#encodePooled(list, arena, wanted)];
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

  #encodePooled(list: CommandList, arena: Arena, sentences: readonly RowRun[]): () => Promise<void> {
    const { methods, skipped } = this.#collector.pooling!;
    const { channelVectors } = this.#shape;
    const { tables } = this.#queue;
    const firstWord = tables.reserve(POOLING_WORDS * sentences.length);
    const { words } = tables;
    for (const [index, { sentence, firstRow, count }] of sentences.entries())
      words.set([firstRow, count, skipped?.[sentence] ?? 0], firstWord + POOLING_WORDS * index);
    const sizeBytes = 16 * channelVectors * methods.length * sentences.length;
    const Y = arena.scratch("pooled", sizeBytes);
    const X = this.#forward.finalRows(arena);
    const sentenceCount = sentences.length;
    poolSentences(list, this.#pooling!, { X, Y, firstWord, sentenceCount, channelVectors, methods });
    const readback = new Readback(this.#queue, sizeBytes);
    readback.copy(list, Y, 0, sizeBytes);
    return async () => {
      const values = new Float32Array(await readback.read());
      const stride = 4 * channelVectors;
      for (const [index, { sentence }] of sentences.entries())
        this.#collector.storePooled(sentence, values, index * methods.length * stride, stride);
    };
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
    this.#forward.encodeLogProbability(list, arena, logits, targets, probabilities);
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
