// Pages of a key-value cache: which are held, and which contain the beginning of a prompt that other requests may share. A page
// is `pageTokens` consecutive tokens of one sequence, at all layers. Where layers see a window, their part of a page is in a slot,
// of which there are fewer: a page that is behind the window of every sequence loses its slot to another. Pure: knows numbers of
// pages and tokens, no buffers.
import { invariant } from "../../util/invariant.js";

interface Page {
  holders: number;
  /** Its tokens, as far as `find` may return them: known to the host, and scheduled. */
  readonly tokens: number[];
  /** The prefix that it continues; undefined while it cannot be found. */
  parent: number | undefined;
  /** The key under which a full page is found. */
  key: string | undefined;
  /** Once it is full: the number of the prefix that ends with it, which is part of the keys of the pages after it. */
  prefix: number;
  /** The era in which it was taken. What was computed in an earlier era is out of date. */
  era: number;
  /** Where its keys and values of windowed layers are. Undefined where there are no such layers, or another page has its slot. */
  slot: number | undefined;
  /** Sequences that have it in their window. */
  windowHolders: number;
}

/** Layers that see only the newest keys of each row. */
export interface PoolWindow {
  /** A row sees this many keys. */
  readonly keys: number;
  /** Keys are read in blocks of this many, counted from the first. */
  readonly block: number;
  readonly slots: number;
}

/** The beginning of a sequence that the cache has. */
export interface CachedBeginning {
  /** Full pages, which can be shared as they are. */
  readonly pages: readonly number[];
  /** A page whose first `tokenCount` tokens come next. It has to be copied, because it goes on differently. */
  readonly partial: { readonly page: number; readonly tokenCount: number } | undefined;
  /** The number of tokens in both. */
  readonly tokenCount: number;
}

/** The most slots that a sequence of `pages` pages needs at once, if a step computes no more than `rows` of its rows. */
export function mostSlots(
  { keys, block }: Omit<PoolWindow, "slots">,
  pages: number,
  rows: number,
  pageTokens: number,
): number {
  return Math.min(pages, Math.ceil((keys + block + rows) / pageTokens) + 1);
}

export class PagePool {
  readonly pageTokens: number;
  /** Copying fewer tokens at every layer is not worthwhile. */
  readonly leastCopied: number;
  readonly #pages: Page[] = [];
  /** Pages that nobody holds, oldest first. Those that can be found keep their content until they are taken. */
  readonly #idle = new Set<number>();
  readonly #byKey = new Map<string, number>();
  /** For each prefix, the pages that continue it, full or not. The empty prefix is 0. */
  readonly #continuing = new Map<number, Set<number>>();
  readonly #window: Omit<PoolWindow, "slots"> | undefined;
  #slots = 0;
  /** Slots that no page has. */
  readonly #freeSlots: number[] = [];
  /** Pages whose slot nobody holds, oldest first. They keep it until another page takes it. */
  readonly #idleSlots = new Set<number>();
  #nextPrefix = 1;
  #era = 0;

  constructor(pages: number, pageTokens: number, window?: PoolWindow) {
    invariant(pages >= 1 && pageTokens >= 1, `a pool of ${pages} pages of ${pageTokens} tokens`);
    this.pageTokens = pageTokens;
    this.leastCopied = Math.ceil(pageTokens / 4);
    this.#window = window;
    this.grow(pages, window?.slots ?? 0);
  }

  get size(): number {
    return this.#pages.length;
  }

  /** The number of pages that nobody holds, including those that can be found. */
  get free(): number {
    return this.#idle.size;
  }

  get slots(): number {
    return this.#slots;
  }

  /** The number of slots that nobody holds. Without a window, pages need none. */
  get freeSlots(): number {
    return this.#window ? this.#freeSlots.length + this.#idleSlots.size : Infinity;
  }

  slotOf(page: number): number | undefined {
    return this.#pages[page]!.slot;
  }

  /** The first page of its sequence that the row at `position` reads at windowed layers. */
  firstPageSeen(position: number): number {
    if (!this.#window) return 0;
    const { keys, block } = this.#window;
    const first = Math.max(0, position + 1 - keys);
    return Math.floor((Math.floor(first / block) * block) / this.pageTokens);
  }

  /** The most slots that a sequence of `pages` pages needs at once, if a step computes no more than `rows` of its rows. */
  mostSlots(pages: number, rows: number): number {
    return this.#window ? mostSlots(this.#window, pages, rows, this.pageTokens) : 0;
  }

  /** Adds pages and slots, which nobody holds. */
  grow(pages: number, slots: number): void {
    for (let added = 0; added < pages; added++) {
      this.#idle.add(this.#pages.length);
      this.#pages.push({
        holders: 0,
        tokens: [],
        parent: undefined,
        key: undefined,
        prefix: 0,
        era: 0,
        slot: undefined,
        windowHolders: 0,
      });
    }
    for (let added = 0; added < slots; added++) this.#freeSlots.push(this.#slots++);
  }

  /** Takes a page for new content, with a slot where windowed layers need one; undefined if all are held. */
  take(): number | undefined {
    if (this.freeSlots === 0) return undefined;
    // Pages that cannot be found go first, then the others in the order in which they were released.
    let chosen: number | undefined;
    for (const page of this.#idle) {
      chosen ??= page;
      if (this.#pages[page]!.parent !== undefined) continue;
      chosen = page;
      break;
    }
    if (chosen === undefined) return undefined;
    this.#forget(chosen);
    this.#idle.delete(chosen);
    this.#pages[chosen]!.holders = 1;
    this.#pages[chosen]!.era = this.#era;
    if (this.#window) this.#takeSlot(chosen);
    return chosen;
  }

  #takeSlot(index: number): void {
    const page = this.#pages[index]!;
    page.windowHolders = 1;
    if (this.#idleSlots.delete(index)) return;
    page.slot = this.#freeSlots.pop() ?? this.#takeIdleSlot();
  }

  /** Takes the slot of a page that cannot be found, or else the one that was released first. */
  #takeIdleSlot(): number {
    let chosen: number | undefined;
    for (const index of this.#idleSlots) {
      chosen ??= index;
      if (this.#pages[index]!.parent !== undefined) continue;
      chosen = index;
      break;
    }
    invariant(chosen !== undefined, "every slot is held");
    this.#idleSlots.delete(chosen);
    const page = this.#pages[chosen]!;
    const { slot } = page;
    page.slot = undefined;
    return slot!;
  }

  /** Adds one hold to each page, and to the slots of those from index `firstSeen` on. */
  hold(pages: readonly number[], firstSeen: number): void {
    for (const [at, index] of pages.entries()) {
      const page = this.#pages[index]!;
      if (page.holders++ === 0) this.#idle.delete(index);
      if (!this.#window || at < firstSeen) continue;
      invariant(page.slot !== undefined, `page ${index} is held without a slot`);
      if (page.windowHolders++ === 0) this.#idleSlots.delete(index);
    }
  }

  /** Removes one hold from each page, and from slots as `hold` adds them. What nobody holds keeps its content until it is taken. */
  release(pages: readonly number[], firstSeen: number): void {
    this.leaveWindow(pages.slice(firstSeen));
    for (const index of pages) {
      const page = this.#pages[index]!;
      invariant(page.holders > 0, `page ${index} is released more often than held`);
      if (--page.holders === 0) this.#idle.add(index);
    }
  }

  /** Removes one hold from the slot of each page. */
  leaveWindow(pages: readonly number[]): void {
    if (!this.#window) return;
    for (const index of pages) {
      const page = this.#pages[index]!;
      invariant(page.windowHolders > 0, `the slot of page ${index} is released more often than held`);
      if (--page.windowHolders === 0) this.#idleSlots.add(index);
    }
  }

  /**
   * The longest beginning of `tokens` in the cache, without the last token: its row has to be computed for its logits. Pages in the
   * window of the row that follows have their slots.
   */
  find(tokens: readonly number[]): CachedBeginning {
    const pages: number[] = [];
    let prefix = 0;
    /** The last page without a slot, and the most pages that can be shared. */
    let lastMissing = -1;
    let usable = 0;
    for (let end = this.pageTokens; end < tokens.length; end += this.pageTokens) {
      const index = this.#byKey.get(this.#keyOf(prefix, tokens, end));
      if (index === undefined) break;
      if (this.#window && this.#pages[index]!.slot === undefined) lastMissing = pages.length;
      pages.push(index);
      prefix = this.#pages[index]!.prefix;
      if (lastMissing < this.firstPageSeen(end)) usable = pages.length;
    }
    pages.length = usable;
    const last = pages.at(-1);
    const first = usable * this.pageTokens;
    const partial = this.#findPartial(last === undefined ? 0 : this.#pages[last]!.prefix, tokens, first);
    return { pages, partial, tokenCount: first + (partial?.tokenCount ?? 0) };
  }

  /** The page after `prefix` that agrees with `tokens` from `first` on for longest; undefined if none does for long enough. */
  #findPartial(prefix: number, tokens: readonly number[], first: number): CachedBeginning["partial"] {
    let found: CachedBeginning["partial"];
    for (const page of this.#continuing.get(prefix) ?? []) {
      const { tokens: own, slot } = this.#pages[page]!;
      if (this.#window && slot === undefined) continue;
      let tokenCount = 0;
      while (
        tokenCount < own.length &&
        first + tokenCount < tokens.length - 1 &&
        own[tokenCount] === tokens[first + tokenCount]
      )
        tokenCount++;
      if (tokenCount >= this.leastCopied && tokenCount > (found?.tokenCount ?? 0))
        found = { page, tokenCount };
    }
    return found;
  }

  /**
   * Lets `find` return `pages` for the first `count` of `tokens`. Call it once these are scheduled on the queue that has this
   * cache: work that the queue runs later finds them computed.
   */
  publish(pages: readonly number[], tokens: readonly number[], count: number): void {
    let prefix = 0;
    for (let first = 0; first < count; first += this.pageTokens) {
      const index = pages[first / this.pageTokens]!;
      const page = this.#pages[index]!;
      if (page.era !== this.#era) return;
      if (page.key === undefined) {
        const end = first + this.pageTokens;
        for (let at = first + page.tokens.length; at < Math.min(end, count); at++)
          page.tokens.push(tokens[at]!);
        this.#continue(prefix, index);
        if (end > count) return;
        const key = this.#keyOf(prefix, tokens, end);
        // Another page has the same content, and the pages after this one would be looked for after that one.
        if (this.#byKey.has(key)) return this.#forget(index);
        page.key = key;
        page.prefix = this.#nextPrefix++;
        this.#byKey.set(key, index);
      }
      prefix = page.prefix;
    }
  }

  /** Everything computed so far is out of date: `find` returns none of it any more, not even pages that are held. */
  forget(): void {
    this.#era++;
    for (let page = 0; page < this.#pages.length; page++) this.#forget(page);
  }

  #keyOf(prefix: number, tokens: readonly number[], end: number): string {
    return `${prefix}:${tokens.slice(end - this.pageTokens, end).join()}`;
  }

  #continue(prefix: number, index: number): void {
    const pages = this.#continuing.get(prefix) ?? new Set();
    this.#continuing.set(prefix, pages.add(index));
    this.#pages[index]!.parent = prefix;
  }

  #forget(index: number): void {
    const page = this.#pages[index]!;
    if (page.parent === undefined) return;
    const siblings = this.#continuing.get(page.parent)!;
    siblings.delete(index);
    if (siblings.size === 0) this.#continuing.delete(page.parent);
    if (page.key !== undefined) this.#byKey.delete(page.key);
    page.tokens.length = 0;
    page.parent = undefined;
    page.key = undefined;
  }
}
