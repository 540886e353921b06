// Chooses the sentences of each step. A corpus is cut into windows of the context, shuffled anew in every epoch, and taken in
// order until a step has its tokens. Depends on seed and position alone, so a resumed run goes on as if it had never stopped.
import { ArgumentError } from "../../errors.js";

/** The position of a run in its data. */
export interface DataPosition {
  readonly epoch: number;
  /** Index of the next window in the epoch's order. */
  readonly next: number;
}

/** The sentences of a step in fixed shares. A queue gets a share as a whole, and a gradient is formed over it. */
export interface Batch {
  readonly shares: readonly (readonly Uint32Array[])[];
  /** The number of tokens that are predicted: all but the first of each sentence. */
  readonly targets: number;
}

/** Cuts sentences longer than `contextLength` + 1 into windows that overlap by one token, so that each is predicted once. */
export function cutWindows(
  sentences: readonly (readonly number[] | Uint32Array)[],
  contextLength: number,
): Uint32Array[] {
  const windows: Uint32Array[] = [];
  for (const sentence of sentences) {
    const ids = Uint32Array.from(sentence);
    for (let first = 0; first < ids.length - 1; first += contextLength - 1) {
      const window = ids.slice(first, first + contextLength);
      if (window.length > 1) windows.push(window);
    }
  }
  if (windows.length > 0) return windows;
  throw new ArgumentError({
    argument: "sentences",
    expected: "at least one sentence of two tokens or more",
    received: sentences,
    remedy: "A sentence of one token has nothing to predict.",
  });
}

export class BatchSampler {
  readonly #windows: readonly Uint32Array[];
  readonly #batchTokens: number;
  readonly #shares: number;
  readonly #seed: number;
  #position: DataPosition;
  #order: { readonly epoch: number; readonly windows: Int32Array } | undefined;

  constructor(options: {
    readonly windows: readonly Uint32Array[];
    readonly batchTokens: number;
    readonly shares: number;
    readonly seed: number;
    readonly position?: DataPosition;
  }) {
    this.#windows = options.windows;
    this.#batchTokens = options.batchTokens;
    this.#shares = options.shares;
    this.#seed = options.seed;
    this.#position = options.position ?? { epoch: 0, next: 0 };
  }

  get position(): DataPosition {
    return this.#position;
  }

  /** Returns the next batch: windows in order until they have `batchTokens` tokens, at least one for each share. */
  next(): Batch {
    const chosen: Uint32Array[] = [];
    let tokens = 0;
    while (tokens < this.#batchTokens || chosen.length < this.#shares) {
      const window = this.#take();
      chosen.push(window);
      tokens += window.length;
    }
    const shares = Array.from({ length: this.#shares }, (): Uint32Array[] => []);
    const loads = Array.from({ length: this.#shares }, () => 0);
    // Longest first to the least loaded share; then in the order drawn within a share.
    const order = chosen
      .map((_, index) => index)
      .toSorted((a, b) => chosen[b]!.length - chosen[a]!.length || a - b);
    const shareOf = new Map<number, number>();
    for (const index of order) {
      const share = loads.indexOf(Math.min(...loads));
      loads[share]! += chosen[index]!.length;
      shareOf.set(index, share);
    }
    for (const [index, window] of chosen.entries()) shares[shareOf.get(index)!]!.push(window);
    return { shares, targets: tokens - chosen.length };
  }

  #take(): Uint32Array {
    let { epoch, next } = this.#position;
    if (next >= this.#windows.length) [epoch, next] = [epoch + 1, 0];
    this.#position = { epoch, next: next + 1 };
    return this.#windows[this.#orderOf(epoch)[next]!]!;
  }

  /** Returns the order of an epoch: a Fisher–Yates shuffle with a counter-based generator. */
  #orderOf(epoch: number): Int32Array {
    if (this.#order?.epoch === epoch) return this.#order.windows;
    const windows = Int32Array.from(this.#windows.keys());
    for (let last = windows.length - 1; last > 0; last--) {
      const other = randomBelow(last + 1, this.#seed, epoch, last);
      [windows[last], windows[other]] = [windows[other]!, windows[last]!];
    }
    this.#order = { epoch, windows };
    return windows;
  }
}

/** A whole number below `limit` from three counters: pcg3d (https://jcgt.org/published/0009/03/02/). */
function randomBelow(limit: number, seed: number, epoch: number, index: number): number {
  let x = step(seed);
  let y = step(epoch ^ Math.floor(seed / 2 ** 32));
  let z = step(index);
  for (let round = 0; round < 2; round++) {
    x = (x + Math.imul(y, z)) | 0;
    y = (y + Math.imul(z, x)) | 0;
    z = (z + Math.imul(x, y)) | 0;
    x ^= x >>> 16;
    y ^= y >>> 16;
    z ^= z >>> 16;
  }
  return Math.floor(((x >>> 0) / 2 ** 32) * limit);
}

/** One step of a linear congruential generator. */
function step(value: number): number {
  return (Math.imul(value, 1664525) + 1013904223) | 0;
}
