// Continuous batching: which rows of which sequences the next step of one queue computes. Pure: no GPU, no clock.
// A step takes sequences that decode first (one row each), then slices of prompts, round robin, then new requests, up to a
// budget. Pieces of a prompt are slices under the prefix fence, so a prompt in pieces has the bits of a whole one.
import { invariant } from "../../util/invariant.js";
import type { CachedBeginning, PagePool } from "./page-pool.js";
import { isBefore, Sequence, type SequenceRequest } from "./sequence.js";

export interface StepLimits {
  /** The most rows of a step. At least 1. */
  readonly budgetTokens: number;
  /** The rows that a prompt gets in its turn. */
  readonly sliceTokens: number;
  /** The most sequences that are computed at once. */
  readonly maxRunning: number;
}

/** Consecutive rows of one sequence in a step. */
export interface StepEntry {
  readonly sequence: Sequence;
  readonly firstToken: number;
  readonly tokenCount: number;
  /** Whether the last row is the sequence's newest: a token is sampled from its logits. */
  readonly samples: boolean;
}

/** The first tokens of a page that another sequence continues differently. Copied before the step's rows are computed. */
export interface PageCopy {
  readonly fromPage: number;
  readonly toPage: number;
  readonly tokenCount: number;
  /** Where they are at windowed layers, if there are any. */
  readonly fromSlot: number | undefined;
  readonly toSlot: number | undefined;
}

export interface Step {
  readonly entries: readonly StepEntry[];
  /** The rows of all entries together. */
  readonly rows: number;
  readonly copies: readonly PageCopy[];
}

export class StepScheduler {
  readonly #pool: PagePool;
  readonly #waiting: Sequence[] = [];
  /** In the order of their turns. */
  #running: Sequence[] = [];
  #nextId = 0;
  #preemptions = 0;
  #sharedTokens = 0;

  constructor(pool: PagePool) {
    this.#pool = pool;
  }

  get running(): number {
    return this.#running.length;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** How often a sequence was put back because pages ran out. */
  get preemptions(): number {
    return this.#preemptions;
  }

  /** How many tokens of prompts were not computed because the cache had them. */
  get sharedTokens(): number {
    return this.#sharedTokens;
  }

  /** How many sequences decode. */
  get decodes(): number {
    return this.#running.filter((sequence) => sequence.isDecoding).length;
  }

  /** How many sequences have a prompt to compute, and how many different prompts, told apart by their first page. */
  get prompts(): { readonly count: number; readonly different: number } {
    const beginnings = [...this.#running, ...this.#waiting]
      .filter((sequence) => !sequence.isDecoding && sequence.remaining > 0)
      .map(({ tokens }) => tokens.slice(0, this.#pool.pageTokens).join());
    return { count: beginnings.length, different: new Set(beginnings).size };
  }

  add(request: SequenceRequest): Sequence {
    const sequence = new Sequence(this.#nextId++, request);
    this.#insertWaiting(sequence);
    return sequence;
  }

  /** Ends a sequence, running or waiting. Its pages are free at once, because later work of the queue runs after its own. */
  remove(sequence: Sequence): void {
    this.#release(sequence);
    this.#running = this.#running.filter((other) => other !== sequence);
    const index = this.#waiting.indexOf(sequence);
    if (index >= 0) this.#waiting.splice(index, 1);
  }

  /** The token sampled for `sequence` is known. */
  resolve(sequence: Sequence, token: number): void {
    invariant(sequence.pending > 0, `sequence ${sequence.id} expects no token`);
    sequence.pending--;
    sequence.tokens.push(token);
    if (sequence.pages.length > 0) this.#publish(sequence);
  }

  /** The token sampled for `sequence` is not taken: its last row is computed once more, and another token chosen. */
  repeat(sequence: Sequence): void {
    invariant(sequence.pending === 1 && sequence.needsTokens, `sequence ${sequence.id} can't go back`);
    sequence.pending--;
    // One that was put back has to compute all its rows anyway.
    if (sequence.computed > 0) sequence.computed--;
  }

  /** The rows of the next step; none when there is nothing to compute. Counts them as computed. */
  next(limits: StepLimits): Step {
    invariant(limits.budgetTokens >= 1, "a step has no budget");
    for (const sequence of this.#running) this.#slide(sequence);
    const step = new Map<Sequence, { firstToken: number; tokenCount: number }>();
    const copies = new Map<Sequence, PageCopy>();
    let budget = limits.budgetTokens;
    const schedule = (sequence: Sequence, most: number): void => {
      const tokenCount = Math.min(most, budget, sequence.remaining);
      if (tokenCount <= 0 || !this.#running.includes(sequence)) return;
      const hasPages = this.#reserve(sequence, sequence.computed + tokenCount, (victim) => {
        budget += step.get(victim)?.tokenCount ?? 0;
        step.delete(victim);
        copies.delete(victim);
      });
      if (!hasPages) return;
      const entry = step.get(sequence);
      if (entry) entry.tokenCount += tokenCount;
      else step.set(sequence, { firstToken: sequence.computed, tokenCount });
      sequence.computed += tokenCount;
      budget -= tokenCount;
    };

    const decodes = this.#running.filter((sequence) => sequence.isDecoding);
    // A quarter of each step is kept for prompts. Otherwise none would ever start while many sequences decode.
    const hasPrompts = decodes.length < this.#running.length || this.#waiting.length > 0;
    const forPrompts = hasPrompts ? Math.floor(budget / 4) : 0;
    for (const sequence of decodes) if (budget > forPrompts) schedule(sequence, 1);
    const copied = this.#admit(limits, budget, copies);
    // One slice each, in turn, while the budget lasts, so that a short prompt does not wait for a long one.
    for (let progress = true; progress;) {
      const before = budget;
      // Putting a sequence back replaces the list, so this loop goes over the old one.
      for (const sequence of this.#running) schedule(sequence, limits.sliceTokens);
      progress = budget > 0 && budget < before;
    }
    // Sequences that got no row come first next time.
    const served = this.#running.filter((sequence) => step.has(sequence));
    this.#running = [...this.#running.filter((sequence) => !step.has(sequence)), ...served];
    const entries = [...step].map(([sequence, { firstToken, tokenCount }]) => {
      const samples = sequence.computed === sequence.length;
      this.#publish(sequence);
      if (samples) sequence.pending++;
      return { sequence, firstToken, tokenCount, samples };
    });
    // They were held until here. Whoever takes them from now on writes to them in later steps.
    this.#pool.release(copied, 0);
    return { entries, rows: limits.budgetTokens - budget, copies: [...copies.values()] };
  }

  /**
   * Admits waiting sequences, in order, while there is budget for a row of each and room for its prompt. Adds the page copies
   * that they begin with. Returns the pages that are copied from; it holds them.
   */
  #admit({ maxRunning, sliceTokens }: StepLimits, budget: number, copies: Map<Sequence, PageCopy>): number[] {
    const copied: number[] = [];
    let rows = budget - this.#running.filter(({ remaining }) => remaining > 1).length;
    for (const sequence of this.#waiting.slice()) {
      if (rows <= 0 || this.#running.length >= maxRunning) break;
      // A sequence that was put back can be computed again once its pending ids are known.
      if (sequence.pending > 0) continue;
      const found = this.#pool.find(sequence.tokens);
      // Another sequence is computing more of the same beginning, which this one will share.
      if (this.#isBeingComputed(sequence, found)) continue;
      const firstSeen = this.#pool.firstPageSeen(found.tokenCount);
      const held = [...found.pages, ...(found.partial ? [found.partial.page] : [])];
      this.#pool.hold(held, firstSeen);
      const needed = Math.ceil(sequence.length / this.#pool.pageTokens) - found.pages.length;
      // One more page for a sequence that runs, or this one would be put back at once.
      const more = this.#running.length > 0 ? 1 : 0;
      if (
        this.#pool.free < needed + more ||
        this.#pool.freeSlots < this.#pool.mostSlots(needed, sliceTokens) + more
      ) {
        this.#pool.release(held, firstSeen);
        break;
      }
      sequence.pages = [...found.pages];
      sequence.firstSeenPage = firstSeen;
      if (found.partial) {
        const toPage = this.#pool.take()!;
        sequence.pages.push(toPage);
        copied.push(found.partial.page);
        const { page: fromPage, tokenCount } = found.partial;
        const [fromSlot, toSlot] = [this.#pool.slotOf(fromPage), this.#pool.slotOf(toPage)];
        copies.set(sequence, { fromPage, toPage, tokenCount, fromSlot, toSlot });
      }
      sequence.computed = found.tokenCount;
      this.#sharedTokens += sequence.computed;
      this.#waiting.splice(this.#waiting.indexOf(sequence), 1);
      this.#running.push(sequence);
      rows--;
    }
    return copied;
  }

  /** Whether a running sequence is about to compute more of the beginning of `sequence` than was found. */
  #isBeingComputed(sequence: Sequence, found: CachedBeginning): boolean {
    const end = found.tokenCount + this.#pool.leastCopied;
    if (end >= sequence.tokens.length) return false;
    return this.#running.some(
      ({ tokens, computed }) =>
        computed < end && end <= tokens.length && isSameBeginning(tokens, sequence.tokens, end),
    );
  }

  /** Gets pages for the first `tokens` tokens, putting later sequences back if needed. False if it was itself put back. */
  #reserve(sequence: Sequence, tokens: number, onPreempted: (victim: Sequence) => void): boolean {
    while (sequence.pages.length * this.#pool.pageTokens < tokens) {
      const page = this.#pool.take();
      if (page !== undefined) {
        sequence.pages.push(page);
        continue;
      }
      const victim = this.#running.reduce((last, other) => (isBefore(last, other) ? other : last));
      invariant(this.#running.length > 1 || victim !== sequence, "one sequence exceeds the whole cache");
      this.#preempt(victim);
      onPreempted(victim);
      if (victim === sequence) return false;
    }
    return true;
  }

  /** Leaves the pages to others that no row from now on sees at windowed layers. Rows of earlier steps run before what others write. */
  #slide(sequence: Sequence): void {
    // The last row may be computed once more.
    const lag = sequence.needsTokens ? sequence.pending : 0;
    const first = this.#pool.firstPageSeen(sequence.computed - lag);
    if (first <= sequence.firstSeenPage) return;
    this.#pool.leaveWindow(sequence.pages.slice(sequence.firstSeenPage, first));
    sequence.firstSeenPage = first;
  }

  #preempt(victim: Sequence): void {
    this.#preemptions++;
    this.#release(victim);
    this.#running = this.#running.filter((other) => other !== victim);
    this.#insertWaiting(victim);
  }

  #release(sequence: Sequence): void {
    this.#pool.release(sequence.pages, sequence.firstSeenPage);
    sequence.pages = [];
    sequence.firstSeenPage = 0;
    sequence.computed = 0;
  }

  #insertWaiting(sequence: Sequence): void {
    const index = this.#waiting.findIndex((other) => isBefore(sequence, other));
    this.#waiting.splice(index < 0 ? this.#waiting.length : index, 0, sequence);
  }

  /** Lets others share the tokens that are known and scheduled. */
  #publish(sequence: Sequence): void {
    const { pages, tokens, computed } = sequence;
    this.#pool.publish(pages, tokens, Math.min(computed, tokens.length));
  }
}

function isSameBeginning(a: readonly number[], b: readonly number[], count: number): boolean {
  for (let index = 0; index < count; index++) if (a[index] !== b[index]) return false;
  return true;
}
