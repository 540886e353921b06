// Lends weft's entries in the page's storage to the worker, because a worker has no synchronous storage.

/** Entries of a storage, by key. */
export type Kept = Readonly<Record<string, string>>;

/** All keys of weft begin with this. */
const PREFIX = "weft.";

/** On the page: reads what earlier loads stored. */
export function readKept(): Kept {
  try {
    const { localStorage } = globalThis;
    return Object.fromEntries(Object.entries(localStorage).filter(([key]) => key.startsWith(PREFIX)));
  } catch {
    return {}; // the page has no access to its storage
  }
}

/** On the page: stores what the worker has added. */
export function writeKept(kept: Kept): void {
  try {
    for (const [key, value] of Object.entries(kept)) globalThis.localStorage.setItem(key, value);
  } catch {
    // No access, or the storage is full. The next load will measure again.
  }
}

/** In the worker: installs a storage with the entries `kept`. Returns a function that returns what was added since. */
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
