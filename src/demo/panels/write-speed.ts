// Computes how fast tokens come from a counter that is read now and then.

/** The time over which the speed is averaged. */
const WINDOW_MS = 1500;

export class WriteSpeed {
  #seen: { readonly tokens: number; readonly atMs: number }[] = [];
  #most = 0;

  /** `tokens`: the count so far. If it is lower than before, it is that of another model. */
  observe(tokens: number, atMs: number, isWriting: boolean): { readonly now: number; readonly most: number } {
    const last = this.#seen.at(-1);
    if (!isWriting || (last && (tokens < last.tokens || atMs - last.atMs > WINDOW_MS))) this.#seen = [];
    this.#seen.push({ tokens, atMs });
    while (this.#seen.length > 2 && atMs - this.#seen[1]!.atMs >= WINDOW_MS) this.#seen.shift();
    const first = this.#seen[0]!;
    const elapsedMs = atMs - first.atMs;
    const now = elapsedMs > 0 ? (1000 * (tokens - first.tokens)) / elapsedMs : 0;
    this.#most = Math.max(this.#most, now);
    return { now, most: this.#most };
  }
}
