// Continuous batching in simulation: random arrivals, lengths, priorities and cancellations against a small cache.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PagePool, type PoolWindow } from "../../../src/schedule/steps/page-pool.js";
import type { Sequence } from "../../../src/schedule/steps/sequence.js";
import {
  StepScheduler,
  type StepEntry,
  type StepLimits,
} from "../../../src/schedule/steps/step-scheduler.js";
import { SeededRandom } from "../../helpers/random.js";

const pageTokens = 4;

interface Job {
  readonly arrival: number;
  readonly prompt: readonly number[];
  readonly generate: number;
  readonly priority: number;
  /** The step at which its caller gives up; never when undefined. */
  readonly cancelAt: number | undefined;
  /** Whether its next token waits for those before it, and how often each is put back then. */
  readonly needsTokens?: boolean;
  readonly refusals?: number;
}

interface Finished {
  readonly job: Job;
  readonly tokens: readonly number[];
  readonly firstStep: number;
  readonly lastStep: number;
}

/** The token that a model would give after `tokens`: any function of all of them, with few values, as of prompts. */
function nextToken(tokens: readonly number[]): number {
  return tokens.reduce((hash, token) => (hash * 31 + token + 7) % 1009, 17) % 2;
}

/**
 * Runs jobs to their end. Keeps a model of the cache: what each cache row holds is checked whenever a row looks at it, so
 * that a page shared too early, freed too early or written by two sequences shows.
 */
function simulate(
  jobs: readonly Job[],
  pages: number,
  limits: StepLimits,
  stepsInFlight: number,
  window?: PoolWindow,
): { finished: Finished[]; steps: (readonly StepEntry[])[]; scheduler: StepScheduler; pool: PagePool } {
  const pool = new PagePool(pages, pageTokens, window);
  const scheduler = new StepScheduler(pool);
  const cache = new Map<number, number>();
  /** The same of windowed layers. */
  const windowed = new Map<number, number>();
  const live = new Map<Sequence, { job: Job; text: number[]; firstStep: number; refused: number }>();
  const flying: { sequence: Sequence; token: number }[][] = [];
  const finished: Finished[] = [];
  const steps: (readonly StepEntry[])[] = [];
  /** Each row reads whole blocks, from that of the first key in its window on. */
  const checkWindow = (
    sequence: Sequence,
    firstToken: number,
    tokenCount: number,
    text: readonly number[],
    { keys, block }: PoolWindow,
  ): void => {
    for (let row = firstToken; row < firstToken + tokenCount; row++) {
      const first = Math.max(0, row + 1 - keys);
      for (let token = first - (first % block); token <= row; token++)
        check(
          windowed.get(windowRowOf(pool, sequence, token)) === keyOf(text, token),
          `token ${token} of sequence ${sequence.id} finds a key in the window of ${row} that is not its own`,
        );
    }
  };
  const pendingJobs = jobs.toSorted((a, b) => a.arrival - b.arrival);
  for (let step = 0; pendingJobs.length > 0 || live.size > 0; step++) {
    check(step < 20_000, "the steps do not end");
    while (pendingJobs[0] && pendingJobs[0].arrival <= step) {
      const job = pendingJobs.shift()!;
      // Some stop earlier than they might: what is in flight for them then is of no use.
      const maxLength = job.prompt.length + job.generate + (job.arrival % 3);
      live.set(scheduler.add({ ...job, maxLength }), {
        job,
        text: [...job.prompt],
        firstStep: -1,
        refused: 0,
      });
    }
    for (const [sequence, { job }] of live)
      if (job.cancelAt !== undefined && step >= job.cancelAt) {
        scheduler.remove(sequence);
        live.delete(sequence);
      }
    if (flying.length >= stepsInFlight) {
      for (const { sequence, token } of flying.shift()!) {
        const state = live.get(sequence);
        if (!state) continue; // stopped meanwhile: its token is of no use
        if (state.job.needsTokens && state.refused++ < (state.job.refusals ?? 0)) {
          state.text.pop();
          scheduler.repeat(sequence);
          continue;
        }
        state.refused = 0;
        scheduler.resolve(sequence, token);
        if (state.firstStep < 0) state.firstStep = step;
        if (sequence.tokens.length < state.job.prompt.length + state.job.generate) continue;
        scheduler.remove(sequence);
        live.delete(sequence);
        finished.push({
          job: state.job,
          tokens: sequence.tokens,
          firstStep: state.firstStep,
          lastStep: step,
        });
      }
    }
    const { entries, copies } = scheduler.next(limits);
    steps.push(entries);
    const rows = entries.reduce((sum, { tokenCount }) => sum + tokenCount, 0);
    check(rows <= limits.budgetTokens, `${rows} rows exceed the budget`);
    check(scheduler.running <= limits.maxRunning, `${scheduler.running} sequences run`);
    // Copies come first, all at once: what one writes no other may read or write.
    const copiedTo = new Set(copies.map(({ toPage }) => toPage));
    check(copiedTo.size === copies.length, "two copies write one page");
    const slotsTo = new Set(copies.map(({ toSlot }) => toSlot));
    check(!window || slotsTo.size === copies.length, "two copies write one slot");
    for (const { fromPage, toPage, tokenCount, fromSlot, toSlot } of copies) {
      check(!copiedTo.has(fromPage), `page ${fromPage} is copied from and to`);
      check(!window || !slotsTo.has(fromSlot), `slot ${fromSlot} is copied from and to`);
      const slotTokens = toSlot === undefined ? 0 : tokenCount;
      for (let token = 0; token < slotTokens; token++) {
        const key = windowed.get(fromSlot! * pageTokens + token);
        check(key !== undefined, `slot ${fromSlot} is copied before it is computed`);
        windowed.set(toSlot! * pageTokens + token, key);
      }
      for (let token = 0; token < tokenCount; token++) {
        const key = cache.get(fromPage * pageTokens + token);
        check(key !== undefined, `page ${fromPage} is copied before it is computed`);
        cache.set(toPage * pageTokens + token, key);
      }
    }
    const sampled: { sequence: Sequence; token: number }[] = [];
    // The queue's order: all keys and values of a step are written before any is read.
    for (const { sequence, firstToken, tokenCount } of entries) {
      const { text } = live.get(sequence)!;
      // A token the host does not know is taken from the row that was just sampled: it is the only row then.
      check(
        firstToken + tokenCount <= sequence.tokens.length || tokenCount === 1,
        `sequence ${sequence.id} computes a row whose token is not known anywhere`,
      );
      for (let token = firstToken; token < firstToken + tokenCount; token++) {
        cache.set(cacheRowOf(sequence, token), keyOf(text, token));
        if (window) windowed.set(windowRowOf(pool, sequence, token), keyOf(text, token));
      }
    }
    for (const { sequence, firstToken, tokenCount, samples } of entries) {
      const { text } = live.get(sequence)!;
      for (let token = 0; token < firstToken + tokenCount; token++)
        check(
          cache.get(cacheRowOf(sequence, token)) === keyOf(text, token),
          `token ${token} of sequence ${sequence.id} finds a key that is not its own`,
        );
      if (window) checkWindow(sequence, firstToken, tokenCount, text, window);
      if (!samples) continue;
      const token = nextToken(text);
      text.push(token);
      sampled.push({ sequence, token });
    }
    flying.push(sampled);
  }
  return { finished, steps, scheduler, pool };
}

function cacheRowOf(sequence: Sequence, token: number): number {
  const page = sequence.pages[Math.floor(token / pageTokens)];
  check(page !== undefined, `token ${token} of sequence ${sequence.id} has no page`);
  return page * pageTokens + (token % pageTokens);
}

/** The row of a token at windowed layers. */
function windowRowOf(pool: PagePool, sequence: Sequence, token: number): number {
  const slot = pool.slotOf(sequence.pages[Math.floor(token / pageTokens)]!);
  check(slot !== undefined, `token ${token} of sequence ${sequence.id} has no slot`);
  return slot * pageTokens + (token % pageTokens);
}

/** What a key depends on: all tokens up to its own, as a hash. */
function keyOf(tokens: readonly number[], token: number): number {
  let hash = 17;
  for (let index = 0; index <= token; index++) hash = (Math.imul(hash, 1_000_003) + tokens[index]! + 1) | 0;
  return hash;
}

/** As `expect`, in the innermost loops, where that is too slow. */
function check(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new Error(problem);
}

const job: fc.Arbitrary<Job> = fc.record({
  arrival: fc.nat(30),
  // Few different tokens, so that prompts share beginnings.
  prompt: fc.array(fc.nat(1), { minLength: 1, maxLength: 24 }),
  generate: fc.integer({ min: 1, max: 12 }),
  priority: fc.integer({ min: -1, max: 1 }),
  cancelAt: fc.option(fc.nat(60), { nil: undefined, freq: 4 }),
  needsTokens: fc.boolean(),
  refusals: fc.nat(2),
});

const limits: fc.Arbitrary<StepLimits> = fc.record({
  budgetTokens: fc.integer({ min: 1, max: 40 }),
  sliceTokens: fc.integer({ min: 1, max: 16 }),
  maxRunning: fc.integer({ min: 1, max: 8 }),
});

describe("the step scheduler", () => {
  it("finishes every job with the tokens it would get alone, and frees every page", () => {
    fc.assert(
      fc.property(
        fc.array(job, { minLength: 1, maxLength: 20 }),
        limits,
        // 36 tokens at most: 9 pages hold the longest sequence; more may hold several.
        fc.integer({ min: 10, max: 40 }),
        fc.integer({ min: 1, max: 3 }),
        (jobs, own, pages, stepsInFlight) => {
          const { finished, pool, scheduler } = simulate(jobs, pages, own, stepsInFlight);
          for (const {
            job: { prompt },
            tokens,
          } of finished) {
            const expected = [...prompt];
            while (expected.length < tokens.length) expected.push(nextToken(expected));
            expect(tokens).toEqual(expected);
          }
          const kept = jobs.filter(({ cancelAt }) => cancelAt === undefined);
          for (const own2 of kept) expect(finished.map((entry) => entry.job)).toContain(own2);
          expect(pool.free).toBe(pages);
          expect(scheduler.running + scheduler.waiting).toBe(0);
        },
      ),
      { numRuns: 1500, seed: 1 },
    );
  });

  it("keeps what rows see at windowed layers, in as many slots as windows need", () => {
    fc.assert(
      fc.property(
        fc.array(job, { minLength: 1, maxLength: 20 }),
        limits,
        fc.integer({ min: 10, max: 40 }),
        fc.integer({ min: 1, max: 3 }),
        fc.record({ keys: fc.integer({ min: 1, max: 12 }), block: fc.constantFrom(4, 8) }),
        fc.integer({ min: 0, max: 12 }),
        (jobs, own, pages, stepsInFlight, shape, more) => {
          const window = { ...shape, slots: 0 };
          const needed = new PagePool(1, pageTokens, window).mostSlots(9, own.budgetTokens) + 1;
          const slots = needed + more;
          const { finished, pool, scheduler } = simulate(jobs, pages, own, stepsInFlight, {
            ...window,
            slots,
          });
          for (const {
            job: { prompt },
            tokens,
          } of finished) {
            const expected = [...prompt];
            while (expected.length < tokens.length) expected.push(nextToken(expected));
            expect(tokens).toEqual(expected);
          }
          const kept = jobs.filter(({ cancelAt }) => cancelAt === undefined);
          for (const own2 of kept) expect(finished.map((entry) => entry.job)).toContain(own2);
          expect([pool.free, pool.freeSlots]).toEqual([pages, slots]);
          expect(scheduler.running + scheduler.waiting).toBe(0);
        },
      ),
      { numRuns: 1500, seed: 2 },
    );
  });

  it("survives a soak of ten thousand short requests", () => {
    const random = new SeededRandom(7);
    const jobs = Array.from({ length: 10_000 }, (_, index): Job => ({
      arrival: Math.floor(index / 4),
      prompt: Array.from({ length: 1 + random.integer(6) }, () => random.integer(3)),
      generate: 1 + random.integer(4),
      priority: 0,
      cancelAt: random.integer(10) === 0 ? Math.floor(index / 4) + random.integer(20) : undefined,
    }));
    const { finished, pool } = simulate(jobs, 64, { budgetTokens: 48, sliceTokens: 8, maxRunning: 16 }, 2);
    expect(finished.length).toBeGreaterThan(8000);
    expect(pool.free).toBe(64);
  });

  it("starts a short prompt behind a long one within two steps of its own", () => {
    const long: Job = {
      arrival: 0,
      prompt: Array.from({ length: 200 }, (_, i) => i),
      generate: 1,
      priority: 0,
      cancelAt: undefined,
    };
    const short: Job = { ...long, arrival: 1, prompt: [900, 901, 902, 903, 904, 905, 906, 907, 908, 909] };
    const { finished } = simulate(
      [long, short],
      100,
      { budgetTokens: 32, sliceTokens: 16, maxRunning: 8 },
      1,
    );
    const first = finished.find(({ job: own }) => own === short)!;
    expect(first.firstStep).toBeLessThanOrEqual(short.arrival + 2);
  });

  it("gives every running decode a row at least every other step, however many prompts arrive", () => {
    const decoders = Array.from({ length: 6 }, (_, index): Job => ({
      arrival: 0,
      prompt: [index],
      generate: 40,
      priority: 0,
      cancelAt: undefined,
    }));
    const flood = Array.from({ length: 30 }, (_, index): Job => ({
      arrival: 2 + index,
      prompt: Array.from({ length: 30 }, (__, i) => index * 31 + i),
      generate: 1,
      priority: 5,
      cancelAt: undefined,
    }));
    const { steps } = simulate(
      [...decoders, ...flood],
      200,
      { budgetTokens: 8, sliceTokens: 8, maxRunning: 60 },
      1,
    );
    const lastRow = new Map<number, number>();
    for (const [step, entries] of steps.entries())
      for (const { sequence } of entries) {
        if (sequence.id >= decoders.length) continue;
        const gap = step - (lastRow.get(sequence.id) ?? step);
        expect(gap).toBeLessThanOrEqual(2);
        lastRow.set(sequence.id, step);
      }
  });

  it("gives prompts a share of every step, however many sequences decode", () => {
    const decoders = Array.from({ length: 16 }, (_, index): Job => ({
      arrival: 0,
      prompt: [index],
      generate: 60,
      priority: 0,
      cancelAt: undefined,
    }));
    const late: Job = {
      arrival: 10,
      prompt: Array.from({ length: 20 }, (_, i) => 50 + i),
      generate: 1,
      priority: 0,
      cancelAt: undefined,
    };
    const { finished } = simulate(
      [...decoders, late],
      300,
      { budgetTokens: 16, sliceTokens: 8, maxRunning: 32 },
      1,
    );
    expect(finished.find(({ job: own }) => own === late)!.firstStep).toBeLessThanOrEqual(10 + 20 / 4 + 2);
  });

  it.each([41, 42, 43, 44])("computes the common beginning of %i equal tokens once", (length) => {
    const prompt = Array.from({ length }, (_, i) => i);
    const jobs = Array.from({ length: 16 }, (): Job => ({
      arrival: 0,
      prompt,
      generate: 1,
      priority: 0,
      cancelAt: undefined,
    }));
    const { steps } = simulate(jobs, 200, { budgetTokens: 64, sliceTokens: 16, maxRunning: 32 }, 1);
    const rows = steps.flat().reduce((sum, { tokenCount }) => sum + tokenCount, 0);
    expect(rows).toBe(length + 15);
  });

  it("prefers higher priorities when it admits", () => {
    const jobs = Array.from({ length: 6 }, (_, index): Job => ({
      arrival: 0,
      prompt: [index],
      generate: 3,
      priority: index % 2,
      cancelAt: undefined,
    }));
    const { finished } = simulate(jobs, 50, { budgetTokens: 8, sliceTokens: 8, maxRunning: 3 }, 1);
    expect(finished.slice(0, 3).map(({ job: { priority } }) => priority)).toEqual([1, 1, 1]);
  });
});
