// How large the key-value cache of a queue is made: pages, and slots for the layers that see windows. Knows no GPU.

export interface CacheRoom {
  readonly pages: number;
  readonly slots: number;
}

export interface CacheBounds {
  /** Bytes over all layers that have pages, or slots. */
  readonly pageBytes: number;
  readonly slotBytes: number;
  /** The most bytes, unless one context needs more. */
  readonly budgetBytes: number;
  /** What one context needs. */
  readonly context: CacheRoom;
  /** What all requests that may run could use. */
  readonly most: CacheRoom;
}

/**
 * The room for requests that need `needed` together, the largest of them `largest`; what there is already if that is enough.
 * Growing copies the cache, so it grows by at least a half.
 */
export function growRoom(
  bounds: CacheBounds,
  current: CacheRoom,
  needed: CacheRoom,
  largest: CacheRoom,
): CacheRoom {
  const { pageBytes, slotBytes, context, most } = bounds;
  const bytesOf = ({ pages, slots }: CacheRoom): number => pages * pageBytes + slots * slotBytes;
  const wanted = {
    pages: toward(current.pages, needed.pages, most.pages),
    slots: toward(current.slots, needed.slots, most.slots),
  };
  // If the budget has no room for all of it, pages and slots get the same part.
  const left = Math.max(bounds.budgetBytes, bytesOf(context)) - bytesOf(current);
  const part = Math.min(1, Math.max(0, left) / Math.max(1, bytesOf(wanted) - bytesOf(current)));
  const within = (own: number, all: number): number => own + Math.floor(part * (all - own));
  // One context always fits, whatever others have taken.
  return {
    pages: Math.max(within(current.pages, wanted.pages), toward(current.pages, largest.pages, context.pages)),
    slots: Math.max(within(current.slots, wanted.slots), toward(current.slots, largest.slots, context.slots)),
  };
}

/** `own` if it is enough for `wanted`; else by a half more or what is wanted, as far as the limit. */
function toward(own: number, wanted: number, limit: number): number {
  return wanted <= own ? own : Math.max(own, Math.min(limit, Math.max(wanted, Math.ceil(1.5 * own))));
}
