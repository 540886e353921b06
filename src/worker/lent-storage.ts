// What weft keeps in a page's storage, lent to the worker: a worker has no storage of its own that answers at once.

/** Entries of a storage by key. */
export type Kept = Readonly<Record<string, string>>;

/** The names that weft keeps things under begin with this. */
const PREFIX = "weft.";

/** On the page: what earlier loads kept. */
export function readKept(): Kept {
  try {
    const { localStorage } = globalThis;
    return Object.fromEntries(Object.entries(localStorage).filter(([key]) => key.startsWith(PREFIX)));
  } catch {
    return {}; // the page may not use its storage
  }
}

/** On the page: keeps what the worker has added. */
export function writeKept(kept: Kept): void {
  try {
    for (const [key, value] of Object.entries(kept)) globalThis.localStorage.setItem(key, value);
  } catch {
    // The storage is forbidden or full: then the next load measures again.
  }
}

/** In the worker: a storage that begins with `kept`. Answers what was added to it until then. */
export function lendStorage(kept: Kept): () => Kept {
  const entries = new Map(Object.entries(kept));
  const added = new Map<string, string>();
  const storage: Pick<Storage, "getItem" | "setItem"> = {
    getItem: (key) => entries.get(key) ?? null,
    setItem(key, value) {
      entries.set(key, value);
      added.set(key, value);
    },
  };
  Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
  return () => Object.fromEntries(added);
}
