// Remembers what was measured, so that the next load with the same shapes and adapter need not measure again: in memory, and in
// a page also in its localStorage.

const inMemory = new Map<string, unknown>();

/** Returns what was remembered under `key`, or undefined if there is nothing or `isValid` refuses it. */
export function recall<T>(key: string, isValid: (value: unknown) => value is T): T | undefined {
  const known = inMemory.get(key);
  if (isValid(known)) return known;
  try {
    const stored: unknown = JSON.parse(pageStorage()?.getItem(key) ?? "null");
    return isValid(stored) ? stored : undefined;
  } catch {
    return undefined; // the page may not use its storage, or something else wrote there
  }
}

/** Keeps `value`, which must be JSON-serialisable. */
export function remember(key: string, value: unknown): void {
  inMemory.set(key, value);
  try {
    pageStorage()?.setItem(key, JSON.stringify(value));
  } catch {
    // The storage is forbidden or full: then the next page measures again.
  }
}

/** Node has a localStorage of its own, of no use here. A worker has none, unless its page lends it one (src/worker). */
const pageStorage = (): Storage | undefined =>
  typeof document === "object" || "WorkerGlobalScope" in globalThis ? globalThis.localStorage : undefined;
