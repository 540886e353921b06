// Continuous batching: which rows of which sequences the next step of one queue computes. Pure: no GPU, no clock.
// A step takes decodes first (one row each), then prompts in slices, round robin, then new requests, up to a budget.
// Chunks of a prompt are slices under the prefix fence, so that a chunked prompt has the bits of an unchunked one.
import { invariant } from "../../util/invariant.js";
import type { CachedBeginning, PagePool } from "./page-pool.js";
import { isBefore, Sequence, type SequenceRequest } from "./sequence.js";

export interface StepLimits {
  /** The most rows of a step. At least 1. */
  readonly budgetTokens: number;
  /** Rows a prompt gets in its turn. */
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

/** The first tokens of a page that another continues differently: copied before the step's rows are computed. */
export interface PageCopy {
  readonly fromPage: number;
  readonly toPage: number;
  readonly tokenCount: number;
}

export interface Step {
  readonly entries: readonly StepEntry[];
  /** Of all entries together. */
  readonly rows: number;
  readonly copies: readonly PageCopy[];
}

export class StepScheduler {
  readonly #pool: PagePool;
  readonly #waiting: Sequence[] = [];
  /** In turn: the first is the one whose turn it is. */
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

  /** How often a sequence was put back for want of pages. */
  get preemptions(): number {
    return this.#preemptions;
  }

  /** Tokens of prompts that were not computed, as pages of the same beginning were at hand. */
  get sharedTokens(): number {
    return this.#sharedTokens;
  }

  /** The rows that decodes alone would fill. */
  get decodes(): number {
    return this.#running.filter((sequence) => sequence.isDecoding).length;
  }

  /** How many sequences have a prompt to compute, and how many of these prompts differ in their first page. */
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

  /** Ends a sequence, wherever it is; its pages are free at once, as the queue runs what follows after what it runs. */
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

  /** The rows of the next step; none when there is nothing to compute. Counts them as computed. */
  next(limits: StepLimits): Step {
    invariant(limits.budgetTokens >= 1, "a step has no budget");
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
    // Prompts are sure of a quarter of each step, or a full house of decodes would never let one in.
    const hasPrompts = decodes.length < this.#running.length || this.#waiting.length > 0;
    const forPrompts = hasPrompts ? Math.floor(budget / 4) : 0;
    for (const sequence of decodes) if (budget > forPrompts) schedule(sequence, 1);
    const copied = this.#admit(limits.maxRunning, budget, copies);
    // A slice each, in turn, as long as the budget lasts: a short prompt behind a long one is not starved.
    for (let progress = true; progress;) {
      const before = budget;
      // A sequence that is put back meanwhile leaves a new list of those that run.
      for (const sequence of this.#running) schedule(sequence, limits.sliceTokens);
      progress = budget > 0 && budget < before;
    }
    // Those that got no row this time come first the next time.
    const served = this.#running.filter((sequence) => step.has(sequence));
    this.#running = [...this.#running.filter((sequence) => !step.has(sequence)), ...served];
    const entries = [...step].map(([sequence, { firstToken, tokenCount }]) => {
      const samples = sequence.computed === sequence.length;
      this.#publish(sequence);
      if (samples) sequence.pending++;
      return { sequence, firstToken, tokenCount, samples };
    });
    // Until here nobody could take them, and what takes them from now on writes to them in later steps.
    this.#pool.release(copied);
    return { entries, rows: limits.budgetTokens - budget, copies: [...copies.values()] };
  }

  /**
   * Lets waiting sequences run, in order, while there is budget for a row of each and room for its prompt. Adds the copies
   * with which they begin, and answers the pages that are copied from, which it holds.
   */
  #admit(maxRunning: number, budget: number, copies: Map<Sequence, PageCopy>): number[] {
    const copied: number[] = [];
    let rows = budget - this.#running.filter(({ remaining }) => remaining > 1).length;
    for (const sequence of this.#waiting.slice()) {
      if (rows <= 0 || this.#running.length >= maxRunning) break;
      // Ids on their way must be known before a sequence that was put back can be computed again.
      if (sequence.pending > 0) continue;
      const found = this.#pool.find(sequence.tokens);
      // Another one is computing more of the same beginning: what it computes will be shared.
      if (this.#isBeingComputed(sequence, found)) continue;
      const held = [...found.pages, ...(found.partial ? [found.partial.page] : [])];
      this.#pool.hold(held);
      const needed = Math.ceil(sequence.length / this.#pool.pageTokens) - found.pages.length;
      // A page for one that runs, too, or the newcomer would be put back at once.
      if (this.#pool.free < needed + (this.#running.length > 0 ? 1 : 0)) {
        this.#pool.release(held);
        break;
      }
      sequence.pages = [...found.pages];
      if (found.partial) {
        const toPage = this.#pool.take()!;
        sequence.pages.push(toPage);
        copied.push(found.partial.page);
        copies.set(sequence, { fromPage: found.partial.page, toPage, tokenCount: found.partial.tokenCount });
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

  /** Pages for the first `tokens` tokens of a sequence; puts later ones back to get them. False: it was put back. */
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

  #preempt(victim: Sequence): void {
    this.#preemptions++;
    this.#release(victim);
    this.#running = this.#running.filter((other) => other !== victim);
    this.#insertWaiting(victim);
  }

  #release(sequence: Sequence): void {
    this.#pool.release(sequence.pages);
    sequence.pages = [];
    sequence.computed = 0;
  }

  #insertWaiting(sequence: Sequence): void {
    const index = this.#waiting.findIndex((other) => isBefore(sequence, other));
    this.#waiting.splice(index < 0 ? this.#waiting.length : index, 0, sequence);
  }

  /** Tokens that are known and scheduled may be shared from now on. */
  #publish(sequence: Sequence): void {
    const { pages, tokens, computed } = sequence;
    this.#pool.publish(pages, tokens, Math.min(computed, tokens.length));
  }
}

function isSameBeginning(a: readonly number[], b: readonly number[], count: number): boolean {
  for (let index = 0; index < count; index++) if (a[index] !== b[index]) return false;
  return true;
}
