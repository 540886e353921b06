// Reads back the results of a forward pass: the rows of the last segment that the caller asked for, per submission.
import type { CommandList } from "../../gpu/command-list.js";
import { Readback } from "../../gpu/readback.js";
import type { Queue } from "../../gpu/queue.js";
import type { Arena } from "../../model/arena/arena.js";
import type { ModelShape } from "../../model/shape.js";
import type { Forward } from "../../model/forward.js";
import type { EncodeRuns, RowHead } from "../../model/row-head.js";
import { countRows, cutIntoChunks, writeRowTable, type RowRun } from "../../model/rows.js";

/**
 * "last": logits after each sentence's last token; "all": after every token; "chosen": after those asked for; "hidden": final hidden
 * rows; "pooled": one vector of these for each sentence.
 */
export type OutputKind = "last" | "all" | "chosen" | "hidden" | "pooled" | "logProbabilities";

/** What is asked for of the last rows. */
export interface OutputRequest {
  readonly kind: OutputKind;
  /** What is computed of these rows, instead of the logits of the vocabulary; of "pooled", what pools. */
  readonly head?: RowHead | undefined;
  /** Of "chosen": tokens of each sentence, in order. */
  readonly chosen?: readonly (readonly number[])[] | undefined;
}

/** Logits take the most memory of all, so if their rows do not fit here, they are computed and read in chunks. */
const CHUNK_BYTES = 64 * 2 ** 20;

/** Collects one value per sentence: [V], [T,V], [T,C], [methods·C] or [T−1] numbers. Shared by all queues of a run. */
export class OutputCollector {
  readonly kind: OutputKind;
  readonly values: readonly Float32Array<ArrayBuffer>[];
  readonly request: OutputRequest;
  readonly #tokens: readonly Uint32Array[];
  readonly #width: number;
  /** Of "pooled": how many rows of each sentence are there. */
  readonly #finished: number[];

  constructor(request: OutputRequest, tokens: readonly Uint32Array[], shape: ModelShape) {
    const { kind, head, chosen } = request;
    this.kind = kind;
    this.request = request;
    this.#tokens = tokens;
    this.#finished = tokens.map(() => 0);
    const { channels, vocabulary } = shape;
    this.#width =
      head?.width ?? (kind === "logProbabilities" ? 1 : kind === "hidden" ? channels : vocabulary);
    const countOf: Readonly<Record<OutputKind, (length: number, sentence: number) => number>> = {
      last: () => 1,
      all: (length) => length,
      chosen: (_, sentence) => chosen![sentence]!.length,
      hidden: (length) => length,
      pooled: () => 1,
      logProbabilities: (length) => length - 1,
    };
    this.values = tokens.map(
      ({ length }, sentence) => new Float32Array(this.#width * countOf[kind](length, sentence)),
    );
  }

  /** The numbers of a row that is asked for. */
  get width(): number {
    return this.#width;
  }

  /** Returns the parts of a run of rows that were asked for. */
  wanted(run: RowRun): readonly RowRun[] {
    if (this.kind !== "chosen") return this.#wantedPart(run) ?? [];
    const end = run.firstToken + run.count;
    return this.request
      .chosen![run.sentence]!.filter((token) => token >= run.firstToken && token < end)
      .map((token) => ({
        ...run,
        firstToken: token,
        firstRow: run.firstRow + token - run.firstToken,
        count: 1,
      }));
  }

  #wantedPart(run: RowRun): [RowRun] | undefined {
    const { length } = this.#tokens[run.sentence]!;
    const end = run.firstToken + run.count;
    if (this.kind === "pooled") {
      // The rows of earlier runs are on the same queue, as sentences that are pooled stay on one.
      const finished = (this.#finished[run.sentence]! += run.count);
      if (finished < length) return undefined;
      return [{ ...run, firstToken: 0, firstRow: run.firstRow - run.firstToken, count: length }];
    }
    const from = this.kind === "last" ? Math.max(run.firstToken, length - 1) : run.firstToken;
    const to = this.kind === "logProbabilities" ? Math.min(end, length - 1) : end;
    if (from >= to) return undefined;
    const skipped = from - run.firstToken;
    return [{ ...run, firstToken: from, firstRow: run.firstRow + skipped, count: to - from }];
  }

  /** Returns the token whose probability is wanted of the row of `token`: the one after it. */
  targetOf(sentence: number, token: number): number {
    return this.#tokens[sentence]![token + 1]!;
  }

  /** Takes rows of `stride` numbers, the first at number `at` of `source`, that belong to `run`. */
  store(run: RowRun, source: Float32Array, at: number, stride: number): void {
    const target = this.values[run.sentence]!;
    const first =
      this.kind === "last" || this.kind === "pooled"
        ? 0
        : this.kind === "chosen"
          ? this.request.chosen![run.sentence]!.indexOf(run.firstToken)
          : run.firstToken;
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
  readonly #head: EncodeRuns | undefined;

  constructor(
    queue: Queue,
    forward: Forward,
    shape: ModelShape,
    collector: OutputCollector,
    head: EncodeRuns | undefined,
  ) {
    this.#head = head;
    this.#queue = queue;
    this.#forward = forward;
    this.#shape = shape;
    this.#collector = collector;
  }

  /** Adds the outputs of `runs`, whose last segment is in `list`. The returned functions store them, once they are read. */
  encode(list: CommandList, arena: Arena, runs: readonly RowRun[]): (() => Promise<void>)[] {
    const wanted = runs.flatMap((run) => this.#collector.wanted(run));
    if (wanted.length === 0) return [];
    if (this.#collector.kind === "pooled") return [this.#encodePooled(list, arena, wanted)];
    const isHidden = this.#collector.kind === "hidden";
    const rowBytes = isHidden ? 16 * this.#shape.channelVectors : this.#logitBytes;
    const chunkRows = Math.floor(Math.min(CHUNK_BYTES, this.#queue.maxBindingBytes) / rowBytes);
    return cutIntoChunks(wanted, Math.max(1, chunkRows)).map((chunk) =>
      isHidden ? this.#encodeHidden(list, arena, chunk) : this.#encodeLogits(list, arena, chunk),
    );
  }

  /** Bytes of a row of logits, or of what else the head gives; and of log-probabilities those of the logits. */
  get #logitBytes(): number {
    return 16 * (this.#head ? Math.ceil(this.#collector.width / 4) : this.#shape.vocabularyVectors);
  }

  #encodeHidden(list: CommandList, arena: Arena, runs: readonly RowRun[]): () => Promise<void> {
    const rowBytes = 16 * this.#shape.channelVectors;
    const readback = new Readback(this.#queue, countRows(runs) * rowBytes);
    for (const run of runs)
      readback.copy(list, this.#forward.finalRows(arena), run.firstRow * rowBytes, run.count * rowBytes);
    return () => this.#storeAll(readback, runs, rowBytes / 4);
  }

  #encodePooled(list: CommandList, arena: Arena, sentences: readonly RowRun[]): () => Promise<void> {
    const result = this.#head!(list, arena, sentences);
    const rowBytes = this.#logitBytes;
    const readback = new Readback(this.#queue, rowBytes * sentences.length);
    readback.copy(list, result, 0, rowBytes * sentences.length);
    const runs = sentences.map((run) => ({ ...run, count: 1 }));
    return () => this.#storeAll(readback, runs, rowBytes / 4);
  }

  #encodeLogits(list: CommandList, arena: Arena, runs: readonly RowRun[]): () => Promise<void> {
    const rowBytes = this.#logitBytes;
    const rowCount = countRows(runs);
    const logits = this.#head?.(list, arena, runs) ?? arena.scratch("logits", rowCount * rowBytes);
    if (!this.#head) this.#forward.encodeHead(list, arena, writeRowTable(this.#queue.tables, runs), logits);
    if (this.#collector.kind !== "logProbabilities") {
      const readback = new Readback(this.#queue, rowCount * rowBytes);
      readback.copy(list, logits, 0, rowCount * rowBytes);
      return () => this.#storeAll(readback, runs, rowBytes / 4);
    }
    const firstEntry = this.#queue.tables.reserve(rowCount);
    const { words } = this.#queue.tables;
    let at = firstEntry;
    for (const { sentence, firstToken, count } of runs)
      for (let row = 0; row < count; row++)
        words[at++] = this.#collector.targetOf(sentence, firstToken + row);
    const probabilities = arena.scratch("probabilities", 4 * rowCount);
    const targets = { firstEntry, count: rowCount };
    this.#forward.encodeLogProbability(list, arena, logits, targets, probabilities);
    const readback = new Readback(this.#queue, 4 * rowCount);
    readback.copy(list, probabilities, 0, 4 * rowCount);
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
