// Generation on one queue: continuous batching over a paged key-value cache. Asks the step scheduler for rows, encodes them as one
// submission, and passes on the tokens once they are read back. Two steps may be in flight, because a token that the next step
// needs is read on the GPU, and a stop that is noticed late only wastes a row.
import { DeviceError } from "../../errors.js";
import { CommandList } from "../../gpu/command-list.js";
import { NO_TOKEN } from "../../kernels/sampling/choose-token.js";
import type { Arena } from "../../model/arena/arena.js";
import type { ModelShape } from "../../model/shape.js";
import { cacheLayersOf } from "../../model/cache-layers.js";
import { KeyValueCache } from "../../model/key-value-cache.js";
import type { Turn } from "../../schedule/fair-turns.js";
import { PagePool } from "../../schedule/steps/page-pool.js";
import type { Sequence } from "../../schedule/steps/sequence.js";
import { StepBudget } from "../../schedule/steps/step-budget.js";
import { StepScheduler, type Step, type StepEntry } from "../../schedule/steps/step-scheduler.js";
import { settleAll } from "../../util/settle-all.js";
import { CacheSizes } from "./cache-sizes.js";
import { bannedNext } from "./bans.js";
import type { EngineRequest } from "./engine-request.js";
import type { GenerationStep } from "./step.js";
import { brokenResults } from "../load/broken-results.js";
import { SUBMISSIONS_IN_FLIGHT, type Replica } from "../load/loaded-model.js";
import { SequenceRows } from "./sequence-rows.js";
import { StepEncoder } from "./step-encoder.js";
import type { ModelStats } from "./stats.js";

export interface EngineOptions {
  readonly sliceTokens: number;
  /** Tokens below this may be chosen: a model may have more ids than its tokenizer. Default: all. */
  readonly choosableTokens?: number;
  /** The most requests that are computed at the same time. Others wait. */
  readonly maxRunning: number;
  /** The most bytes of keys and values. One context always fits. */
  readonly cacheBytes: number;
  /** A step takes no longer than this, unless its decoding rows alone do. */
  readonly gpuBudgetMs?: number | undefined;
  /** Called with every step once it is done. Must not throw. */
  onStep?(step: Omit<GenerationStep, "queue">): void;
}

/** The rows of a step without decoding: enough to fill an adapter, few enough that other requests need not wait long. */
const MAX_STEP_ROWS = 256;
const MIN_STEP_ROWS = 8;
/** The cache begins with room for as many tokens, or a whole context if that is less. It grows with what is used. */
const FIRST_TOKENS = 1024;
/** A step with prompts may take this many times as long as one without. Less than 2, so that 99 of 100 steps stay below 2. */
const STALL_FACTOR = 1.3;

export class GenerationEngine {
  readonly #replica: Replica;
  readonly #shape: ModelShape;
  readonly #options: EngineOptions;
  readonly #cache: KeyValueCache;
  readonly #sizes: CacheSizes;
  readonly #sequenceRows: SequenceRows;
  readonly #encoder: StepEncoder;
  readonly #requests = new Map<Sequence, EngineRequest>();
  readonly #budget: StepBudget;
  #scheduler: StepScheduler;
  #pool: PagePool;
  #arena: Arena | undefined;
  #starting: Promise<void> | undefined;
  /** Whether `#start` has finished. */
  #isReady = false;
  #growing = false;
  /** Whether the device had no room when the cache was to grow. */
  #isFull = false;
  readonly #turn: Turn;
  #inFlight = 0;
  /** How often all requests have failed. */
  #failures = 0;
  #counts = { steps: 0, generatedTokens: 0, computedRows: 0, dispatches: 0, preemptions: 0, sharedRows: 0 };

  constructor(replica: Replica, shape: ModelShape, options: EngineOptions) {
    this.#replica = replica;
    this.#shape = shape;
    this.#options = options;
    const layers = cacheLayersOf(replica.forward.model.program, shape.contextLength);
    this.#cache = new KeyValueCache(replica.queue, shape, replica.forward.cacheFormat, layers);
    this.#sequenceRows = new SequenceRows(replica.queue, shape.vocabulary);
    this.#encoder = new StepEncoder(
      replica,
      shape,
      this.#cache,
      this.#sequenceRows,
      options.choosableTokens ?? shape.vocabulary,
    );
    const { gpuBudgetMs } = options;
    this.#budget = new StepBudget({
      least: MIN_STEP_ROWS,
      most: MAX_STEP_ROWS,
      stallFactor: STALL_FACTOR,
      ...(gpuBudgetMs === undefined ? {} : { mostMs: gpuBudgetMs }),
    });
    this.#turn = replica.load.turns.join(() => this.#pump());
    this.#sizes = new CacheSizes({
      shape,
      layers,
      pageBytes: this.#cache.layerPageBytes,
      bindablePages: this.#cache.bindablePages,
      budgetBytes: options.cacheBytes,
      maxRunning: this.#maxRunning,
      stepRows: MAX_STEP_ROWS,
    });
    this.#pool = this.#firstPool();
    this.#scheduler = new StepScheduler(this.#pool);
    // Also those learn of it that wait for room or for their turn.
    void replica.queue.failed.then((error) => this.#failAll(error));
  }

  /** The counters of this queue alone. */
  get stats(): ModelStats {
    return {
      running: this.#scheduler.running,
      waiting: this.#scheduler.waiting,
      ...this.#counts,
      preemptions: this.#counts.preemptions + this.#scheduler.preemptions,
      sharedRows: this.#counts.sharedRows + this.#scheduler.sharedTokens,
      cachePages: this.#pool.size,
      freePages: this.#pool.free,
      windowPages: this.#pool.slots,
      freeWindowPages: this.#pool.slots === 0 ? 0 : this.#pool.freeSlots,
    };
  }

  /** The number of rows that wait to be computed, which a new request would queue behind. */
  get load(): number {
    let rows = 0;
    for (const sequence of this.#requests.keys()) rows += sequence.remaining + 1;
    return rows;
  }

  /** Returns how many of the first of `tokens` have their keys in the cache. */
  cachedTokens(tokens: readonly number[]): number {
    return this.#pool.find(tokens).tokenCount;
  }

  /** Queues a request. Its callbacks are called from now on. Returns a function that ends it early and frees its pages at once. */
  add(request: EngineRequest): () => void {
    const sequence = this.#scheduler.add(request);
    this.#requests.set(sequence, request);
    const starting = this.#start();
    void starting.then(
      () => this.#pump(),
      (error: unknown) => {
        // The next request tries again, as there may be room then.
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

  /** Frees what the engine has on the GPU. Requests that have not ended fail with `error`. */
  dispose(error: unknown): void {
    this.#failAll(error);
    this.#turn.leave();
    this.#arena?.dispose();
    this.#arena = undefined;
    this.#cache.dispose();
    this.#sequenceRows.dispose();
  }

  /** Allocates the arena, compiles the kernel that chooses tokens, and makes room for a first context. */
  #start(): Promise<void> {
    this.#starting ??= (async () => {
      await this.#replica.queue.guard(this.#encoder.prepare());
      this.#arena ??= await this.#replica.arenas.acquire(MAX_STEP_ROWS, 0);
      await this.#cache.prepare();
      await this.#cache.grow(this.#pool.size, this.#pool.slots);
      await this.#sequenceRows.prepare();
      await this.#growCache();
      this.#isReady = true;
    })();
    return this.#starting;
  }

  /** The most requests in one step. Each may choose a token in it. */
  get #maxRunning(): number {
    return Math.min(this.#options.maxRunning, this.#encoder.mostChoices);
  }

  /** The most tokens that a sequence may have: the context, or what the bindings of this adapter hold. */
  get mostTokens(): number {
    return this.#sizes.mostTokens;
  }

  #firstPool(): PagePool {
    const { pages, slots } = this.#sizes.roomFor(FIRST_TOKENS - 1);
    const { window } = this.#cache.layers;
    return new PagePool(pages, this.#shape.pageTokens, window && { ...window, slots });
  }

  /** Sequences that would not fit into the cache even if each had it for itself. */
  get #tooLong(): readonly Sequence[] {
    return [...this.#requests.keys()].filter(({ length }) => {
      const { pages, slots } = this.#sizes.roomFor(length);
      return pages > this.#pool.size || slots > this.#pool.slots;
    });
  }

  /** Makes room for the longest sequence before its next row. Returns whether steps have to wait for that. */
  #makeRoom(): boolean {
    const tooLong = this.#tooLong;
    if (tooLong.length === 0) return false;
    if (this.#growing) return true;
    if (!this.#isFull) {
      void this.#growCache().then(() => this.#pump());
      return true;
    }
    for (const sequence of tooLong) {
      const request = this.#requests.get(sequence)!;
      this.#end(sequence);
      request.onError(
        new DeviceError({
          reason: "out-of-memory",
          problem: `Queue ${this.#replica.queue.index} has no room for keys and values of ${sequence.length} tokens`,
          remedy: "Generate fewer tokens, load with fewer queues, or close other pages that use the GPU.",
        }),
      );
    }
    return false;
  }

  /**
   * Grows the cache, within its limits, to what the current requests will need soon. Steps may go on meanwhile.
   * Returns whether it has grown.
   */
  async #growCache(): Promise<boolean> {
    if (this.#growing || this.#isFull) return false;
    const { size, slots: ownSlots } = this.#pool;
    const lengths = Array.from(this.#requests.keys(), ({ length }) => length);
    const { pages, slots } = this.#sizes.grown({ pages: size, slots: ownSlots }, lengths);
    if (pages === size && slots === ownSlots) return false;
    this.#growing = true;
    try {
      await this.#cache.grow(pages, slots);
      this.#pool.grow(pages - size, slots - ownSlots);
      return true;
    } catch {
      // There is no room on the device. Requests wait, or are put back, as with a smaller budget.
      this.#isFull = true;
      return false;
    } finally {
      this.#growing = false;
    }
  }

  /** Frees a cache that has grown, if there is nothing left to do. */
  #shrinkCache(): void {
    if (this.#requests.size > 0 || this.#inFlight > 0 || this.#growing) return;
    const first = this.#firstPool();
    if (this.#pool.size === first.size && this.#pool.slots === first.slots) return;
    this.#cache.dispose();
    this.#pool = first;
    this.#isFull = false;
    this.#counts.preemptions += this.#scheduler.preemptions;
    this.#counts.sharedRows += this.#scheduler.sharedTokens;
    this.#scheduler = new StepScheduler(this.#pool);
    this.#starting = undefined;
    this.#isReady = false;
  }

  /** Submits steps, when it is generation's turn, until the window is full or there is nothing to compute. */
  #pump(): void {
    try {
      while (
        this.#isReady &&
        this.#inFlight < SUBMISSIONS_IN_FLIGHT &&
        this.#requests.size > 0 &&
        this.#turn.take()
      ) {
        const inFlight = this.#inFlight;
        try {
          this.#submitNext();
        } finally {
          if (this.#inFlight === inFlight) this.#turn.cancel();
        }
        if (this.#inFlight === inFlight) return;
      }
      this.#shrinkCache();
    } catch (error) {
      this.#failAll(error);
    }
  }

  /** The next step, if there is anything to compute. */
  #submitNext(): void {
    if (this.#makeRoom()) return;
    const { decodes, prompts } = this.#scheduler;
    const budgetTokens = this.#budget.rows(decodes, prompts.different, prompts.count);
    const step = this.#scheduler.next({
      budgetTokens,
      // No prompt gets all rows of a small step.
      sliceTokens: Math.min(
        this.#options.sliceTokens,
        Math.ceil(budgetTokens / Math.max(1, prompts.different)),
      ),
      maxRunning: this.#maxRunning,
    });
    this.#sequenceRows.releaseExcept((sequence) => sequence.pages.length > 0);
    void this.#growCache().then((hasGrown) => {
      if (hasGrown) this.#pump();
    });
    if (step.entries.length > 0) this.#submit(step);
  }

  #submit(step: Step): void {
    const { queue } = this.#replica;
    const { entries } = step;
    for (const { sequence } of entries) {
      this.#requests.get(sequence)!.onStart();
    }
    const list = new CommandList(queue);
    const encodedMs = performance.now();
    let read: Promise<ArrayBuffer> | undefined;
    const accepted = queue.checked(() => {
      try {
        for (const { sequence, firstToken, tokenCount, samples } of entries) {
          const { sampling, bans, prompt } = this.#requests.get(sequence)!;
          this.#sequenceRows.take(sequence, sampling, prompt.length, bans);
          if (!samples || !bans) continue;
          const generated = firstToken + tokenCount - prompt.length;
          this.#sequenceRows.ban(sequence, sampling, bannedNext(bans, sequence.tokens, generated));
        }
        read = this.#encoder.encode(
          list,
          this.#arena!,
          step,
          (sequence) => this.#requests.get(sequence)!,
          (page) => this.#pool.slotOf(page),
        );
        list.submit("generation.step");
      } catch (error) {
        list.drop();
        throw error;
      }
    });
    this.#arena!.trim();
    this.#inFlight++;
    this.#counts.steps++;
    this.#counts.computedRows += step.rows;
    this.#counts.dispatches += list.dispatches;
    const parts = entries.map(({ sequence, ...part }) => ({
      request: this.#requests.get(sequence)!.id,
      ...part,
    }));
    const record = {
      encodedMs,
      submittedMs: performance.now(),
      dispatches: list.dispatches,
      parts,
      waiting: this.#scheduler.waiting,
      freePages: this.#pool.free,
    };
    const failures = this.#failures;
    void this.#finish(step, record, [accepted, queue.fence()], read).then(
      () => this.#pump(),
      (error: unknown) => {
        // A step that was made before another one failed has no requests left, and later ones do not depend on it.
        if (failures === this.#failures) this.#failAll(error);
        this.#pump();
      },
    );
  }

  async #finish(
    { entries, rows }: Step,
    record: Omit<GenerationStep, "queue" | "doneMs">,
    done: readonly Promise<void>[],
    read: Promise<ArrayBuffer> | undefined,
  ): Promise<void> {
    try {
      await settleAll([...done, ...(read ? [read] : [])]);
      const doneMs = performance.now();
      this.#options.onStep?.({ ...record, doneMs });
      if (read) this.#handOut(entries, new Uint32Array(await read));
      this.#inFlight--;
      this.#budget.observe(rows, this.#turn.giveBack(record.submittedMs, doneMs));
    } catch (error) {
      this.#inFlight--;
      this.#turn.cancel();
      throw error;
    }
  }

  #handOut(entries: readonly StepEntry[], chosen: Uint32Array): void {
    const reals = new Float32Array(chosen.buffer);
    for (const [row, { sequence }] of entries.filter(({ samples }) => samples).entries()) {
      const request = this.#requests.get(sequence);
      if (!request) continue; // ended while the step ran
      const token = chosen[2 * row]!;
      if (token === NO_TOKEN) {
        this.#end(sequence);
        request.onError(brokenResults("Its logits"));
        continue;
      }
      if (request.refuses?.(token)) {
        this.#scheduler.repeat(sequence);
        this.#sequenceRows.release(sequence); // it is counted among the tokens there
        continue;
      }
      this.#counts.generatedTokens++;
      const logProbability = request.sampling.wantsLogProbabilities ? reals[2 * row + 1]! : undefined;
      try {
        if (!request.onToken(token, logProbability)) this.#end(sequence);
        else this.#resolve(sequence, request, token);
      } catch (error) {
        // What goes wrong with the text of one request is no other's business.
        this.#end(sequence);
        request.onError(error);
      }
    }
  }

  /** Lets a sequence have its next row, at once or when its request is prepared for that. Others do not wait. */
  #resolve(sequence: Sequence, request: EngineRequest, token: number): void {
    const preparing = request.prepare?.(token);
    if (!preparing) return this.#scheduler.resolve(sequence, token);
    void preparing.then(
      (goesOn) => {
        if (this.#requests.get(sequence) !== request) return; // ended meanwhile
        if (!goesOn) return this.#end(sequence);
        this.#scheduler.resolve(sequence, token);
        this.#pump();
      },
      (error: unknown) => {
        if (this.#requests.get(sequence) !== request) return;
        this.#end(sequence);
        request.onError(error);
      },
    );
  }

  #end(sequence: Sequence): void {
    this.#requests.delete(sequence);
    this.#scheduler.remove(sequence);
    this.#sequenceRows.release(sequence);
  }

  #failAll(error: unknown): void {
    this.#failures++;
    // Pages may not hold what they were to hold.
    this.#pool.forget();
    const requests = [...this.#requests];
    for (const [sequence] of requests) this.#end(sequence);
    for (const [, request] of requests) request.onError(error);
  }
}
