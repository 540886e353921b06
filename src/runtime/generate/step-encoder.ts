// Encodes a step of generation: the rows that the step scheduler chose, through all segments, and the choice of tokens.
import type { CommandList } from "../../gpu/command-list.js";
import { Readback } from "../../gpu/readback.js";
import { MOST_CHOICES, OPTION_WORDS } from "../../kernels/sampling/choose-token.js";
import { presumedChooseToken } from "../../kernels/sampling/presumed.js";
import { choicePartialBytes, chooseTokens, type ChooseTokenPipeline } from "../../layers/sampling.js";
import { SAMPLED_TOKEN } from "../../kernels/embedding/embedding.js";
import type { Arena } from "../../model/arena/arena.js";
import type { CacheRows } from "../../model/forward.js";
import type { ModelShape } from "../../model/shape.js";
import type { KeyValueCache } from "../../model/key-value-cache.js";
import { invariant } from "../../util/invariant.js";
import type { Sequence } from "../../schedule/steps/sequence.js";
import type { Step, StepEntry } from "../../schedule/steps/step-scheduler.js";
import { ROW_WORDS, writeBlockTable, writeRowInfo, writeRowTable, type RowRun } from "../../model/rows.js";
import type { Replica } from "../load/loaded-model.js";
import { writeOptionWords, type Sampling } from "./sampling.js";
import type { SequenceRows } from "./sequence-rows.js";

/** Where a page is at layers that see windows. */
type SlotOf = (page: number) => number | undefined;

/** How the next token of a sequence is chosen: by these options, among tokens whose bit is set. Default: among all. */
type ChoiceOf = (sequence: Sequence) => {
  readonly sampling: Sampling;
  readonly allowed?: Uint32Array | undefined;
};

const ownPage: SlotOf = (page) => page;

export class StepEncoder {
  readonly #replica: Replica;
  readonly #shape: ModelShape;
  #choice: ChooseTokenPipeline | undefined;
  readonly #cache: KeyValueCache;
  readonly #sequenceRows: SequenceRows;
  /** Tokens below this may be chosen. */
  readonly #choosable: number;

  constructor(
    replica: Replica,
    shape: ModelShape,
    cache: KeyValueCache,
    sequenceRows: SequenceRows,
    choosable: number,
  ) {
    this.#choosable = choosable;
    this.#replica = replica;
    this.#shape = shape;
    this.#cache = cache;
    this.#sequenceRows = sequenceRows;
  }

  /** The most tokens that one step can choose: one binding holds the logits of all their rows. */
  get mostChoices(): number {
    return Math.max(1, Math.floor(this.#replica.queue.maxBindingBytes / this.#logitsRowBytes));
  }

  get #logitsRowBytes(): number {
    return 16 * this.#shape.vocabularyVectors;
  }

  /** Compiles the kernel that chooses tokens, which only generation needs. Throws ShaderError. */
  async prepare(): Promise<void> {
    const { queue } = this.#replica;
    invariant(this.#shape.vocabulary <= MOST_CHOICES, "choosing tokens counts to 2^20");
    const { stages } = presumedChooseToken(queue.adapter);
    this.#choice ??= await Promise.all(stages.map((stage) => queue.pipelines.get(stage)));
  }

  /** Adds a step. Returns pairs of words per entry that samples, (token, log-probability as f32), or undefined if none does. */
  encode(
    list: CommandList,
    arena: Arena,
    step: Step,
    choiceOf: ChoiceOf,
    slotOf: SlotOf,
  ): Promise<ArrayBuffer> | undefined {
    const { queue, forward } = this.#replica;
    const { entries } = step;
    list.beginPass("step");
    this.#cache.encodeCopies(list, step.copies);
    const runs = this.#writeRows(arena, step, slotOf);
    const rows = writeRowTable(queue.tables, runs);
    const { whole, windowed } = this.#cache.layers;
    const isWindowed = new Set(windowed);
    const wholeEntry = whole.length > 0 ? this.#writeCacheRows(entries, rows.count, ownPage) : 0;
    const windowEntry = windowed.length > 0 ? this.#writeCacheRows(entries, rows.count, slotOf) : 0;
    const { pageTable, windowTable } = arena;
    const cache: CacheRows = {
      keyValueOf: (layer) => this.#cache.keyValueOf(layer),
      firstEntryOf: (layer) => (isWindowed.has(layer) ? windowEntry : wholeEntry),
      pageTableOf: (layer) => (isWindowed.has(layer) ? windowTable : pageTable),
      sampled: this.#sequenceRows.sampled,
    };
    const blocks = writeBlockTable(queue.tables, runs);
    for (let segment = 0; segment <= this.#shape.layers; segment++) {
      if (segment > 0) forward.encodeAttention(list, arena, segment - 1, blocks, cache);
      forward.encodeSegment(list, arena, segment, rows, cache);
    }
    return entries.some(({ samples }) => samples)
      ? this.#encodeChoice(list, arena, entries, runs, choiceOf)
      : undefined;
  }

  /** Describes the step's rows to the arena. Returns them as runs, one per entry. */
  #writeRows(arena: Arena, { entries, rows }: Step, slotOf: SlotOf): RowRun[] {
    const rowInfo = new Uint32Array(ROW_WORDS * rows);
    const pages: number[] = [];
    const runs: RowRun[] = [];
    let row = 0;
    for (const [index, { sequence, firstToken, tokenCount }] of entries.entries()) {
      const keyCount = firstToken + tokenCount;
      runs.push({ sentence: index, firstToken, firstRow: row, count: tokenCount, keyCount });
      for (let token = firstToken; token < firstToken + tokenCount; token++)
        writeRowInfo(rowInfo, row++, {
          token: sequence.tokens[token] ?? SAMPLED_TOKEN + this.#sequenceRows.of(sequence).index,
          position: token,
          firstPage: pages.length,
          keyCount,
        });
      for (const page of sequence.pages) pages.push(page);
    }
    const windowTable = this.#cache.layers.window && this.#rowsOf(pages, slotOf);
    arena.writeRows(rowInfo, this.#rowsOf(pages, ownPage), windowTable);
    return runs;
  }

  /** The first cache row of every page. A loop, as long texts have many pages, and every step writes them all. */
  #rowsOf(pages: readonly number[], placeOf: SlotOf): Uint32Array<ArrayBuffer> {
    const table = new Uint32Array(pages.length);
    // Pages behind the window may have no slot any more. No row reads their entries.
    for (let index = 0; index < pages.length; index++)
      table[index] = (placeOf(pages[index]!) ?? 0) * this.#shape.pageTokens;
    return table;
  }

  /** Writes the cache row of every row to the tables, by where pages are. Returns the first one's entry. */
  #writeCacheRows(entries: readonly StepEntry[], rows: number, placeOf: SlotOf): number {
    const { tables } = this.#replica.queue;
    const { pageTokens } = this.#shape;
    const first = tables.reserve(rows);
    let at = first;
    for (const { sequence, firstToken, tokenCount } of entries)
      for (let token = firstToken; token < firstToken + tokenCount; token++)
        tables.words[at++] =
          placeOf(sequence.pages[Math.floor(token / pageTokens)]!)! * pageTokens + (token % pageTokens);
    return first;
  }

  /** Adds the head and the choice for the last row of each entry that samples. Returns what was chosen. */
  #encodeChoice(
    list: CommandList,
    arena: Arena,
    entries: readonly StepEntry[],
    runs: readonly RowRun[],
    choiceOf: ChoiceOf,
  ): Promise<ArrayBuffer> {
    const { queue, forward } = this.#replica;
    const { tables } = queue;
    const samples = entries.flatMap((entry, index) => (entry.samples ? [{ entry, run: runs[index]! }] : []));
    const last = samples.map(({ run }) => ({ ...run, firstRow: run.firstRow + run.count - 1, count: 1 }));
    const rows = writeRowTable(tables, last);
    const firstOption = tables.reserve(OPTION_WORDS * rows.count);
    for (const [row, { entry }] of samples.entries()) {
      const { sequence, firstToken, tokenCount } = entry;
      const { index, countRow, biasRow } = this.#sequenceRows.of(sequence);
      const { sampling, allowed } = choiceOf(sequence);
      const firstAllowed = allowed ? tables.reserve(allowed.length) : 0;
      if (allowed) tables.words.set(allowed, firstAllowed);
      writeOptionWords(tables.words, firstOption + row * OPTION_WORDS, sampling, {
        sequence: index,
        countRow,
        biasRow,
        position: firstToken + tokenCount,
        choosable: this.#choosable,
        firstAllowed,
      });
    }
    // Powers of two, so that the buffers grow only a few times.
    const scratchRows = Math.min(2 ** Math.ceil(Math.log2(rows.count)), this.mostChoices);
    const rowBytes = this.#logitsRowBytes;
    const logits = arena.scratch("logits", scratchRows * rowBytes);
    const chosen = arena.scratch("chosen", 8 * scratchRows);
    forward.encodeHead(list, arena, rows, logits);
    invariant(this.#choice, "the kernel that chooses tokens is not compiled");
    chooseTokens(list, this.#choice, {
      rowCount: rows.count,
      firstOption,
      logits,
      weights: arena.scratch("weights", scratchRows * rowBytes),
      partials: arena.scratch("choicePartials", scratchRows * choicePartialBytes(this.#shape.vocabulary)),
      counts: this.#sequenceRows.counts,
      bias: this.#sequenceRows.bias,
      sampled: this.#sequenceRows.sampled,
      chosen,
      size: this.#shape,
    });
    const readback = new Readback(queue, 8 * rows.count);
    readback.copy(list, chosen, 0, 8 * rows.count);
    // Mapped only once the step is submitted, which is before anything waits.
    return Promise.resolve().then(() => readback.read());
  }
}
