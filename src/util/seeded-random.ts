// Random numbers from a seed, the same in every engine: computed from whole numbers and sums only, because engines round
// other functions differently.

export class SeededRandom {
  #state: number;
  readonly #high: number;

  /** `seed`: a whole number from 0 to 2^53 − 1. */
  constructor(seed: number) {
    this.#state = seed | 0;
    this.#high = Math.floor(seed / 2 ** 32) | 0;
  }

  /** In [0, 1), a multiple of 2^-32: a Weyl sequence through MurmurHash3's finalizer. */
  uniform(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let hash = this.#state ^ Math.imul(this.#high, 0x27d4eb2f);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
  }

  /** Mean 0, deviation 1, within ±6: the sum of twelve uniform numbers, which is close enough to normal for weights. */
  normal(): number {
    let sum = -6;
    for (let term = 0; term < 12; term++) sum += this.uniform();
    return sum;
  }
}
