// Pages of a key-value cache: who holds which, and which hold the keys of a prompt's beginning that others may share.
// Pure: numbers only. A page is `pageTokens` consecutive tokens of one sequence, at all layers.
import { invariant } from "../util/invariant.js";

interface Page {
  holders: number;
  /** Under which prefix it can be found again; undefined while its tokens are not all scheduled. */
  key: string | undefined;
  /** Names the prefix that ends with this page: part of the keys of the pages after it. */
  prefix: number;
  /** Since when it is held: what was computed in an earlier era is out of date. */
  era: number;
}

export class PagePool {
  readonly pageTokens: number;
  readonly #pages: Page[] = [];
  /** Pages without a holder; those with a key keep their content until they are taken. Oldest first. */
  readonly #idle = new Set<number>();
  readonly #byKey = new Map<string, number>();
  #nextPrefix = 1;
  #era = 0;

  constructor(pages: number, pageTokens: number) {
    invariant(pages >= 1 && pageTokens >= 1, `a pool of ${pages} pages of ${pageTokens} tokens`);
    this.pageTokens = pageTokens;
    this.grow(pages);
  }

  get size(): number {
    return this.#pages.length;
  }

  /** Pages that nobody holds, shareable ones included. */
  get free(): number {
    return this.#idle.size;
  }

  /** Adds pages without a holder. */
  grow(pages: number): void {
    for (let added = 0; added < pages; added++) {
      this.#idle.add(this.#pages.length);
      this.#pages.push({ holders: 0, key: undefined, prefix: 0, era: 0 });
    }
  }

  /** Takes a page of no particular content; undefined when all are held. */
  take(): number | undefined {
    // Pages that nobody can find again go first; the others in the order in which they were given back.
    let chosen: number | undefined;
    for (const page of this.#idle) {
      chosen ??= page;
      if (this.#pages[page]!.key !== undefined) continue;
      chosen = page;
      break;
    }
    if (chosen === undefined) return undefined;
    this.#forget(chosen);
    this.#idle.delete(chosen);
    this.#pages[chosen]!.holders = 1;
    this.#pages[chosen]!.era = this.#era;
    return chosen;
  }

  /** Gives up one hold of each page. A page nobody holds keeps its content until it is taken. */
  release(pages: Iterable<number>): void {
    for (const index of pages) {
      const page = this.#pages[index]!;
      invariant(page.holders > 0, `page ${index} is released more often than held`);
      if (--page.holders === 0) this.#idle.add(index);
    }
  }

  /**
   * Holds the pages that have the keys of the longest beginning of `tokens`, whole pages only and never its last
   * token, whose row must be computed for its logits.
   */
  share(tokens: readonly number[]): number[] {
    const shared: number[] = [];
    let prefix = 0;
    for (let end = this.pageTokens; end < tokens.length; end += this.pageTokens) {
      const index = this.#byKey.get(this.#keyOf(prefix, tokens, end));
      if (index === undefined) break;
      const page = this.#pages[index]!;
      if (page.holders++ === 0) this.#idle.delete(index);
      shared.push(index);
      prefix = page.prefix;
    }
    return shared;
  }

  /**
   * Makes page `ordinal` of `pages` findable by what it holds: the tokens before its end. Call once all of them are
   * scheduled on the queue whose cache this is; later work of that queue then finds them computed.
   */
  publish(pages: readonly number[], ordinal: number, tokens: readonly number[]): void {
    const index = pages[ordinal]!;
    const page = this.#pages[index]!;
    if (page.key !== undefined || page.era !== this.#era) return;
    const before = ordinal === 0 ? undefined : this.#pages[pages[ordinal - 1]!]!;
    // A page behind one that cannot be found cannot be found either.
    if (before && before.key === undefined) return;
    const key = this.#keyOf(before?.prefix ?? 0, tokens, (ordinal + 1) * this.pageTokens);
    if (this.#byKey.has(key)) return;
    page.key = key;
    page.prefix = this.#nextPrefix++;
    this.#byKey.set(key, index);
  }

  /** Makes nothing findable any more, nor what is held now: what was computed is out of date. */
  forget(): void {
    this.#era++;
    for (let page = 0; page < this.#pages.length; page++) this.#forget(page);
  }

  #keyOf(prefix: number, tokens: readonly number[], end: number): string {
    return `${prefix}:${tokens.slice(end - this.pageTokens, end).join()}`;
  }

  #forget(index: number): void {
    const page = this.#pages[index]!;
    if (page.key === undefined) return;
    this.#byKey.delete(page.key);
    page.key = undefined;
  }
}
