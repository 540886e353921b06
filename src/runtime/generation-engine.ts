// Generation on one queue: continuous batching over a paged key-value cache. Asks the step scheduler for rows, encodes
// them as one submission, and hands out the tokens once they are read back. Two steps may be in flight: a token that is
// needed by the next step is taken on the GPU, and a stop that is noticed late only wastes a row.
import { CommandList } from "../gpu/command-list.js";
import type { GpuBuffer } from "../gpu/buffer.js";
import { Readback } from "../gpu/readback.js";
import { OPTION_WORDS } from "../kernels/choose-token.js";
import { SAMPLED_TOKEN } from "../kernels/embedding.js";
import type { Gpt2Arena } from "../model/gpt2-arena.js";
import type { Gpt2Dimensions } from "../model/gpt2-dimensions.js";
import { KeyValueCache, pageBytes } from "../model/key-value-cache.js";
import { PagePool } from "../schedule/page-pool.js";
import type { Sequence } from "../schedule/sequence.js";
import { StepBudget } from "../schedule/step-budget.js";
import { StepScheduler, type StepEntry } from "../schedule/step-scheduler.js";
import { settleAll } from "../util/settle-all.js";
import { writeBlockTable, writeRowTable, type RowRun } from "./arena-layout.js";
import type { Replica } from "./load-model.js";
import { writeOptionWords, type Sampling } from "./sampling-options.js";
import { SequenceSlots } from "./sequence-slots.js";

/** What the engine needs to know of a request, and whom it tells. Callbacks must not throw. */
export interface EngineRequest {
  readonly prompt: readonly number[];
  readonly priority: number;
  /** The most tokens, prompt included. */
  readonly maxLength: number;
  readonly sampling: Sampling;
  /** Rows of the request are being computed. Called for every step it is in. */
  onStart(): void;
  /** A token was chosen. False ends the request. */
  onToken(token: number, logProbability: number | undefined): boolean;
  onError(error: unknown): void;
}

export interface EngineOptions {
  readonly sliceTokens: number;
  /** The most requests that are computed at once; the others wait. */
  readonly maxRunning: number;
  /** The most bytes of keys and values. One context always fits. */
  readonly cacheBytes: number;
}

/** Counters of one queue's engine. */
export interface EngineStats {
  readonly running: number;
  readonly waiting: number;
  readonly steps: number;
  readonly generatedTokens: number;
  readonly computedRows: number;
  readonly sharedRows: number;
  readonly preemptions: number;
  readonly cachePages: number;
  readonly freePages: number;
  readonly dispatches: number;
}

const STEPS_IN_FLIGHT = 2;
/** Rows of a step in which nothing decodes: enough to fill an adapter, few enough to let others in soon. */
const MAX_STEP_ROWS = 256;
const MIN_STEP_ROWS = 8;
/** A step with prompts may take this many times as long as one without. Twice is promised of the slowest in a hundred: this leaves room. */
const STALL_FACTOR = 1.4;

export class GenerationEngine {
  readonly #replica: Replica;
  readonly #dimensions: Gpt2Dimensions;
  readonly #options: EngineOptions;
  readonly #cache: KeyValueCache;
  readonly #slots: SequenceSlots;
  readonly #requests = new Map<Sequence, EngineRequest>();
  readonly #budget: StepBudget;
  #scheduler: StepScheduler;
  #pool: PagePool;
  #arena: Gpt2Arena | undefined;
  #starting: Promise<void> | undefined;
  #growing = false;
  #maxPages: number;
  #inFlight = 0;
  #lastDoneMs = 0;
  #counts = { steps: 0, generatedTokens: 0, computedRows: 0, dispatches: 0, preemptions: 0, sharedRows: 0 };

  constructor(replica: Replica, dimensions: Gpt2Dimensions, options: EngineOptions) {
    this.#replica = replica;
    this.#dimensions = dimensions;
    this.#options = options;
    this.#cache = new KeyValueCache(replica.queue, dimensions);
    this.#slots = new SequenceSlots(replica.queue, dimensions.vocabulary);
    this.#budget = new StepBudget({ least: MIN_STEP_ROWS, most: MAX_STEP_ROWS, stallFactor: STALL_FACTOR });
    this.#maxPages = this.#largestCache();
    this.#pool = new PagePool(this.#firstPages, this.#dimensions.pageTokens);
    this.#scheduler = new StepScheduler(this.#pool);
  }

  get stats(): EngineStats {
    return {
      running: this.#scheduler.running,
      waiting: this.#scheduler.waiting,
      ...this.#counts,
      preemptions: this.#counts.preemptions + this.#scheduler.preemptions,
      sharedRows: this.#counts.sharedRows + this.#scheduler.sharedTokens,
      cachePages: this.#pool.size,
      freePages: this.#pool.free,
    };
  }

  /** Rows that are waiting to be computed: what a newcomer would queue behind. */
  get load(): number {
    let rows = 0;
    for (const sequence of this.#requests.keys()) rows += sequence.remaining + 1;
    return rows;
  }

  /** Whole pages of `tokens` whose keys the cache has. */
  sharedPages(tokens: readonly number[]): number {
    const pages = this.#pool.share(tokens);
    this.#pool.release(pages);
    return pages.length;
  }

  /** Queues a request; its callbacks are called from now on. The answer ends it early, freeing its pages at once. */
  add(request: EngineRequest): () => void {
    const sequence = this.#scheduler.add(request);
    this.#requests.set(sequence, request);
    const starting = this.#start();
    void starting.then(
      () => this.#pump(),
      (error: unknown) => {
        // The next request tries again: what found no room now may find it then.
        if (this.#starting === starting) this.#starting = undefined;
        this.#failAll(error);
      },
    );
    return () => {
      if (this.#requests.has(sequence)) this.#end(sequence);
    };
  }

  /** Lets no later request share pages that were computed before. */
  forgetShared(): void {
    this.#pool.forget();
  }

  /** Frees what the engine holds on the GPU. Requests that are still there get `error`. */
  dispose(error: unknown): void {
    this.#failAll(error);
    this.#arena?.dispose();
    this.#arena = undefined;
    this.#cache.dispose();
    this.#slots.dispose();
  }

  /** Allocates the arena, compiles the kernel that chooses tokens, and makes room for a first context. */
  #start(): Promise<void> {
    this.#starting ??= (async () => {
      const { arenas, forward } = this.#replica;
      await forward.prepareChoice();
      this.#arena ??= await arenas.acquire(MAX_STEP_ROWS, 0);
      await this.#cache.grow(this.#pool.size);
      await this.#slots.prepare();
      await this.#growCache();
    })();
    return this.#starting;
  }

  /** Room for one context, and a page more: a sequence that runs alone never has to wait for itself. */
  get #firstPages(): number {
    return Math.ceil(this.#dimensions.contextLength / this.#dimensions.pageTokens) + 1;
  }

  #largestCache(): number {
    const wanted = Math.floor(this.#options.cacheBytes / pageBytes(this.#dimensions));
    const useful = (this.#options.maxRunning + 1) * this.#firstPages;
    const most = KeyValueCache.maxPages(this.#replica.queue, this.#dimensions);
    return Math.max(this.#firstPages, Math.min(wanted, useful, most));
  }

  /**
   * Grows the cache, within its limits, to what the requests there are will need soon. Steps may go on meanwhile.
   * Answers whether it did.
   */
  async #growCache(): Promise<boolean> {
    if (this.#growing || this.#pool.size >= this.#maxPages) return false;
    let needed = 0;
    // A page more than each fills now, for what it is about to generate.
    for (const sequence of this.#requests.keys())
      needed += Math.ceil(sequence.length / this.#dimensions.pageTokens) + 1;
    if (needed <= this.#pool.size) return false;
    // By a half at least, as growing copies the cache.
    const pages = Math.min(this.#maxPages, Math.max(needed, Math.ceil(1.5 * this.#pool.size)));
    this.#growing = true;
    try {
      await this.#cache.grow(pages);
      this.#pool.grow(pages - this.#pool.size);
      return true;
    } catch {
      // No room on the device: what there is must do. Requests wait, or are put back, as with a smaller budget.
      this.#maxPages = this.#pool.size;
      return false;
    } finally {
      this.#growing = false;
    }
  }

  /** With nothing left to do, a cache that has grown is given back. */
  #shrinkCache(): void {
    if (this.#requests.size > 0 || this.#inFlight > 0 || this.#growing) return;
    if (this.#pool.size === this.#firstPages) return;
    this.#cache.dispose();
    this.#pool = new PagePool(this.#firstPages, this.#dimensions.pageTokens);
    this.#counts.preemptions += this.#scheduler.preemptions;
    this.#counts.sharedRows += this.#scheduler.sharedTokens;
    this.#scheduler = new StepScheduler(this.#pool);
    this.#starting = undefined;
  }

  /** Submits steps until the window is full or there is nothing to compute. */
  #pump(): void {
    try {
      while (this.#inFlight < STEPS_IN_FLIGHT && this.#requests.size > 0) {
        const { decodes, prompts } = this.#scheduler;
        const budgetTokens = this.#budget.rows(decodes, prompts.different, prompts.count);
        const entries = this.#scheduler.next({
          budgetTokens,
          // No prompt takes a small step for itself.
          sliceTokens: Math.min(
            this.#options.sliceTokens,
            Math.ceil(budgetTokens / Math.max(1, prompts.different)),
          ),
          maxRunning: this.#options.maxRunning,
        });
        this.#slots.releaseExcept((sequence) => sequence.pages.length > 0);
        void this.#growCache().then((hasGrown) => {
          if (hasGrown) this.#pump();
        });
        if (entries.length === 0) return;
        this.#submit(entries);
      }
      this.#shrinkCache();
    } catch (error) {
      this.#failAll(error);
    }
  }

  #submit(entries: readonly StepEntry[]): void {
    const { queue } = this.#replica;
    for (const { sequence } of entries) {
      const request = this.#requests.get(sequence)!;
      request.onStart();
      this.#slots.take(sequence, request.sampling, request.prompt.length);
    }
    const list = new CommandList(queue);
    const sampling = entries.filter(({ samples }) => samples);
    const rows = entries.reduce((sum, { tokenCount }) => sum + tokenCount, 0);
    let read: Promise<ArrayBuffer> | undefined;
    const submittedMs = performance.now();
    const accepted = queue.checked(() => {
      try {
        read = this.#encode(list, entries);
        list.submit("generation.step");
      } catch (error) {
        list.drop();
        throw error;
      }
    });
    this.#arena!.trim();
    this.#inFlight++;
    this.#counts.steps++;
    this.#counts.computedRows += rows;
    this.#counts.dispatches += list.dispatches;
    void this.#finish(sampling, rows, submittedMs, [accepted, queue.fence()], read).then(
      () => this.#pump(),
      (error: unknown) => this.#failAll(error),
    );
  }

  /** Adds a step; answers what it chooses, where any row does. */
  #encode(list: CommandList, entries: readonly StepEntry[]): Promise<ArrayBuffer> | undefined {
    const { queue, forward } = this.#replica;
    const arena = this.#arena!;
    list.beginPass("step");
    const runs = this.#writeRows(arena, entries);
    const rows = writeRowTable(queue.tables, runs);
    const cache = {
      keyValueOf: (layer: number): GpuBuffer => this.#cache.keyValueOf(layer),
      firstSlotEntry: this.#writeSlots(entries, rows.count),
      sampled: this.#slots.sampled,
    };
    const blocks = writeBlockTable(queue.tables, runs);
    for (let segment = 0; segment <= this.#dimensions.layers; segment++) {
      if (segment > 0) forward.encodeAttention(list, arena, segment - 1, blocks, cache);
      forward.encodeSegment(list, arena, segment, rows, cache);
    }
    return entries.some(({ samples }) => samples)
      ? this.#encodeChoice(list, arena, entries, runs)
      : undefined;
  }

  async #finish(
    sampling: readonly StepEntry[],
    rows: number,
    submittedMs: number,
    done: readonly Promise<void>[],
    read: Promise<ArrayBuffer> | undefined,
  ): Promise<void> {
    try {
      await settleAll([...done, ...(read ? [read] : [])]);
      const nowMs = performance.now();
      // With another step ahead of it, a step began when that one was done.
      this.#budget.observe(rows, nowMs - Math.max(submittedMs, this.#lastDoneMs));
      this.#lastDoneMs = nowMs;
      if (read) this.#handOut(sampling, new Uint32Array(await read));
    } finally {
      this.#inFlight--;
    }
  }

  #handOut(sampling: readonly StepEntry[], chosen: Uint32Array): void {
    const reals = new Float32Array(chosen.buffer);
    for (const [row, { sequence }] of sampling.entries()) {
      const request = this.#requests.get(sequence);
      if (!request) continue; // ended while the step ran
      const token = chosen[2 * row]!;
      this.#scheduler.resolve(sequence, token);
      this.#counts.generatedTokens++;
      const logProbability = request.sampling.wantsLogProbabilities ? reals[2 * row + 1]! : undefined;
      if (!request.onToken(token, logProbability)) this.#end(sequence);
    }
  }

  /** Describes the step's rows to the arena; answers them as runs, one per entry. */
  #writeRows(arena: Gpt2Arena, entries: readonly StepEntry[]): RowRun[] {
    const rows = entries.reduce((sum, { tokenCount }) => sum + tokenCount, 0);
    const rowInfo = new Uint32Array(4 * rows);
    const pageTable: number[] = [];
    const runs: RowRun[] = [];
    let row = 0;
    for (const [index, { sequence, firstToken, tokenCount }] of entries.entries()) {
      runs.push({ sentence: index, firstToken, firstRow: row, count: tokenCount });
      for (let token = firstToken; token < firstToken + tokenCount; token++)
        rowInfo.set(
          [
            sequence.tokens[token] ?? SAMPLED_TOKEN + this.#slots.of(sequence).index,
            token,
            pageTable.length,
            firstToken + tokenCount,
          ],
          4 * row++,
        );
      for (const page of sequence.pages) pageTable.push(page * this.#dimensions.pageTokens);
    }
    arena.writeRows(rowInfo, Uint32Array.from(pageTable));
    return runs;
  }

  /** The cache slot of every row. Answers the first one's entry in the tables. */
  #writeSlots(entries: readonly StepEntry[], rows: number): number {
    const { tables } = this.#replica.queue;
    const first = tables.reserve(rows);
    let at = first;
    for (const { sequence, firstToken, tokenCount } of entries)
      for (let token = firstToken; token < firstToken + tokenCount; token++)
        tables.words[at++] =
          sequence.pages[Math.floor(token / this.#dimensions.pageTokens)]! * this.#dimensions.pageTokens +
          (token % this.#dimensions.pageTokens);
    return first;
  }

  /** Adds the head and the choice for the last row of each entry that samples; answers what was chosen. */
  #encodeChoice(
    list: CommandList,
    arena: Gpt2Arena,
    entries: readonly StepEntry[],
    runs: readonly RowRun[],
  ): Promise<ArrayBuffer> {
    const { queue, forward } = this.#replica;
    const { tables } = queue;
    const sampling = entries.flatMap((entry, index) => (entry.samples ? [{ entry, run: runs[index]! }] : []));
    const last = sampling.map(({ run }) => ({ ...run, firstRow: run.firstRow + run.count - 1, count: 1 }));
    const rows = writeRowTable(tables, last);
    const firstOption = tables.reserve(OPTION_WORDS * rows.count);
    for (const [row, { entry }] of sampling.entries()) {
      const { sequence } = entry;
      const { index, countSlot, biasSlot } = this.#slots.of(sequence);
      writeOptionWords(
        tables.words,
        firstOption + row * OPTION_WORDS,
        this.#requests.get(sequence)!.sampling,
        {
          sequence: index,
          countSlot,
          biasSlot,
          position: entry.firstToken + entry.tokenCount,
        },
      );
    }
    // In steps of two, so that a few growths are all there are.
    const scratchRows = 2 ** Math.ceil(Math.log2(rows.count));
    const rowBytes = 16 * this.#dimensions.vocabularyVectors;
    const logits = arena.scratch("logits", scratchRows * rowBytes);
    const chosen = arena.scratch("chosen", 8 * scratchRows);
    forward.encodeHead(list, arena, rows, logits);
    forward.encodeChoice(list, {
      rowCount: rows.count,
      firstOption,
      logits,
      weights: arena.scratch("weights", scratchRows * rowBytes),
      counts: this.#slots.counts,
      bias: this.#slots.bias,
      sampled: this.#slots.sampled,
      chosen,
    });
    const readback = new Readback(queue, 8 * rows.count);
    readback.copy(list, chosen, 0, 8 * rows.count);
    // Mapped only once the step is submitted, which is before anything waits.
    return Promise.resolve().then(() => readback.read());
  }

  #end(sequence: Sequence): void {
    this.#requests.delete(sequence);
    this.#scheduler.remove(sequence);
    this.#slots.release(sequence);
  }

  #failAll(error: unknown): void {
    const requests = [...this.#requests];
    for (const [sequence] of requests) this.#end(sequence);
    for (const [, request] of requests) request.onError(error);
  }
}
