// What requests need of a queue's key-value cache, and how large it is made. Knows no GPU.
import type { CacheLayers } from "../../model/cache-layers.js";
import type { ModelShape } from "../../model/shape.js";
import { mostSlots } from "../../schedule/steps/page-pool.js";
import { growRoom, type CacheBounds, type CacheRoom } from "./cache-room.js";

export interface CacheSizesOptions {
  readonly shape: Pick<ModelShape, "contextLength" | "pageTokens">;
  readonly layers: CacheLayers;
  /** Bytes of a page at one layer, and the most pages that a binding holds. */
  readonly pageBytes: number;
  readonly bindablePages: number;
  /** The most bytes, unless one context needs more. */
  readonly budgetBytes: number;
  readonly maxRunning: number;
  /** The most rows of a step. */
  readonly stepRows: number;
}

export class CacheSizes {
  readonly #options: CacheSizesOptions;
  /** The most tokens that a sequence may have: the context, or what the bindings hold. */
  readonly mostTokens: number;
  readonly #bounds: CacheBounds;

  constructor(options: CacheSizesOptions) {
    this.#options = options;
    const { shape, layers, pageBytes, bindablePages, budgetBytes } = options;
    const { contextLength, pageTokens } = shape;
    // Where all layers see windows, what they keep is all that has to fit.
    const isWhole = layers.whole.length > 0;
    const fits = !isWhole && this.#slotsFor(this.#pagesFor(contextLength)) <= bindablePages;
    this.mostTokens = fits ? contextLength : Math.min(contextLength, (bindablePages - 1) * pageTokens);
    const context = this.roomFor(this.mostTokens);
    const running = options.maxRunning + 1;
    this.#bounds = {
      pageBytes: layers.whole.length * pageBytes,
      slotBytes: layers.windowed.length * pageBytes,
      budgetBytes,
      context,
      most: {
        pages: Math.min(running * context.pages, fits ? Infinity : bindablePages),
        slots: Math.min(running * context.slots, bindablePages),
      },
    };
  }

  /** What one sequence needs, with its next token and a page more, so that it never waits for itself when it runs alone. */
  roomFor(length: number): CacheRoom {
    const pages = this.#pagesFor(Math.min(length + 1, this.mostTokens));
    return { pages, slots: this.#slotsFor(pages) };
  }

  /** The room for sequences of these lengths, within the limits. */
  grown(current: CacheRoom, lengths: readonly number[]): CacheRoom {
    let [needed, largest] = [
      { pages: 0, slots: 0 },
      { pages: 0, slots: 0 },
    ];
    for (const length of lengths) {
      const { pages, slots } = this.roomFor(length);
      needed = { pages: needed.pages + pages, slots: needed.slots + slots };
      largest = { pages: Math.max(largest.pages, pages), slots: Math.max(largest.slots, slots) };
    }
    return growRoom(this.#bounds, current, needed, largest);
  }

  #pagesFor(tokens: number): number {
    return Math.ceil(tokens / this.#options.shape.pageTokens) + 1;
  }

  /** Slots that a sequence of so many pages needs at layers that see windows, and one more. */
  #slotsFor(pages: number): number {
    const { shape, layers, stepRows } = this.#options;
    if (!layers.window) return 0;
    return Math.min(pages, mostSlots(layers.window, pages, stepRows, shape.pageTokens) + 1);
  }
}
