// Says in which rows of a queue's arena the tokens of a batch are, and writes the tables that list the rows of a stage.
import type { TableRange } from "../gpu/command-list.js";
import type { UploadBuffer } from "../gpu/upload-buffer.js";
import { QUERY_BLOCK_ROWS } from "../kernels/attention/attention.js";
import { TOKEN_TYPE } from "../kernels/embedding/embedding.js";
import type { Task } from "../plan/vocabulary.js";
import { invariant } from "../util/invariant.js";

/** Consecutive arena rows that belong to consecutive tokens of one sentence. */
export interface RowRun {
  readonly sentence: number;
  readonly firstToken: number;
  readonly firstRow: number;
  readonly count: number;
  /** Tokens of the sentence whose keys are known. */
  readonly keyCount: number;
}

/** Entries of a row table, and from `positionEntry` on the positions of the rows. */
export interface RowRange extends TableRange {
  readonly positionEntry: number;
}

/** Entries of a block table. */
export interface BlockRange extends TableRange {
  /** The most keys of any sentence among the blocks. */
  readonly mostKeys: number;
}

/** Describes a row of an arena. These are the words of `rowInfo`, in their order. */
export interface RowInfo {
  /** The token's id; or SAMPLED_TOKEN plus the index of the sequence, if the token is its newest and only the GPU knows it. */
  readonly token: number;
  /** Only of models with types of tokens: below MOST_TOKEN_TYPES, while the token is below TOKEN_TYPE. Default: 0. */
  readonly tokenType?: number;
  /** The token's position in its sentence, from 0 on. */
  readonly position: number;
  /** The entry of the page table that has the sentence's first page. */
  readonly firstPage: number;
  /** The number of tokens of the sentence whose keys are known when this row's attention runs. */
  readonly keyCount: number;
}

/** u32 words per row of `rowInfo`. */
export const ROW_WORDS = 4;

/** Writes the words of row `row`. Only this function and the shaders know their order. */
export function writeRowInfo(words: Uint32Array, row: number, info: RowInfo): void {
  words.set(
    [info.token + TOKEN_TYPE * (info.tokenType ?? 0), info.position, info.firstPage, info.keyCount],
    ROW_WORDS * row,
  );
}

/** The rows of the sentences that one queue works on, in the order given, without gaps. */
export class BatchRows {
  readonly rows: number;
  readonly sentences: readonly number[];
  readonly #firstRow = new Map<number, number>();
  readonly #lengths: readonly number[];
  readonly #pageTokens: number;

  constructor(sentences: readonly number[], lengths: readonly number[], pageTokens: number) {
    let row = 0;
    for (const sentence of sentences) {
      this.#firstRow.set(sentence, row);
      row += lengths[sentence]!;
    }
    this.rows = row;
    this.sentences = sentences;
    this.#lengths = lengths;
    this.#pageTokens = pageTokens;
  }

  rowOf(sentence: number, token: number): number {
    const first = this.#firstRow.get(sentence);
    invariant(first !== undefined, `sentence ${sentence} has no rows on this queue`);
    return first + token;
  }

  /** (rows, 4) u32: see `RowInfo`. `tokenTypes` are of every token of every sentence; by default all are 0. */
  rowInfo(tokens: readonly Uint32Array[], tokenTypes?: readonly Uint32Array[]): Uint32Array<ArrayBuffer> {
    const words = new Uint32Array(ROW_WORDS * this.rows);
    let row = 0;
    let firstPage = 0;
    for (const sentence of this.sentences) {
      const keyCount = this.#lengths[sentence]!;
      for (let position = 0; position < keyCount; position++)
        writeRowInfo(words, row++, {
          token: tokens[sentence]![position]!,
          tokenType: tokenTypes?.[sentence]![position] ?? 0,
          position,
          firstPage,
          keyCount,
        });
      firstPage += Math.ceil(keyCount / this.#pageTokens);
    }
    return words;
  }

  /** The first row of keys and values of every page. Without a cache, these are the arena rows of the tokens. */
  pageTable(): Uint32Array<ArrayBuffer> {
    return Uint32Array.from(
      this.sentences.flatMap((sentence) =>
        Array.from({ length: Math.ceil(this.#lengths[sentence]! / this.#pageTokens) }, (_, page) =>
          this.rowOf(sentence, page * this.#pageTokens),
        ),
      ),
    );
  }

  /** The rows of tasks as runs in arena order, neighbouring tasks of a sentence merged. */
  runsOf(tasks: readonly Task[]): RowRun[] {
    const runs = tasks.map((task) => {
      invariant(task.kind !== "weight-gradient", "a weight gradient reads all rows of its share");
      const { sentence, firstToken, tokenCount } = task;
      const keyCount = this.#lengths[sentence]!;
      return {
        sentence,
        firstToken,
        firstRow: this.rowOf(sentence, firstToken),
        count: tokenCount,
        keyCount,
      };
    });
    runs.sort((a, b) => a.firstRow - b.firstRow);
    let last = 0;
    for (let index = 1; index < runs.length; index++) {
      const run = runs[index]!;
      const previous = runs[last]!;
      if (run.sentence === previous.sentence && run.firstRow === previous.firstRow + previous.count)
        previous.count += run.count;
      else runs[++last] = run;
    }
    return runs.slice(0, last + 1);
  }
}

export function countRows(runs: readonly RowRun[]): number {
  return runs.reduce((sum, run) => sum + run.count, 0);
}

/** Cuts runs into lists of at most `rows` rows each. */
export function cutIntoChunks(runs: readonly RowRun[], rows: number): RowRun[][] {
  const chunks: RowRun[][] = [];
  let room = 0;
  for (const run of runs) {
    for (let taken = 0; taken < run.count;) {
      if (room === 0) {
        chunks.push([]);
        room = rows;
      }
      const count = Math.min(room, run.count - taken);
      chunks.at(-1)!.push({
        ...run,
        firstToken: run.firstToken + taken,
        firstRow: run.firstRow + taken,
        count,
      });
      taken += count;
      room -= count;
    }
  }
  return chunks;
}

/** A row table: one entry per row, then the position of each. */
export function writeRowTable(tables: UploadBuffer, runs: readonly RowRun[]): RowRange {
  const count = countRows(runs);
  const firstEntry = tables.reserve(2 * count);
  const { words } = tables;
  let at = firstEntry;
  for (const run of runs)
    for (let row = 0; row < run.count; row++) {
      words[at + count] = run.firstToken + row;
      words[at++] = run.firstRow + row;
    }
  return { firstEntry, count, positionEntry: firstEntry + count };
}

/** A block table: entries (first row, rows), each of at most QUERY_BLOCK_ROWS rows of one sentence. */
export function writeBlockTable(tables: UploadBuffer, runs: readonly RowRun[]): BlockRange {
  const count = runs.reduce((sum, run) => sum + Math.ceil(run.count / QUERY_BLOCK_ROWS), 0);
  const first = tables.reserve(2 * count, 2);
  const { words } = tables;
  let at = first;
  for (const run of runs)
    for (let row = 0; row < run.count; row += QUERY_BLOCK_ROWS) {
      words[at++] = run.firstRow + row;
      words[at++] = Math.min(QUERY_BLOCK_ROWS, run.count - row);
    }
  return { firstEntry: first / 2, count, mostKeys: Math.max(0, ...runs.map(({ keyCount }) => keyCount)) };
}
