// What the stores of a browser have in common: locks among tabs and workers, the room of a site, and errors.
import { StorageError } from "../../errors.js";
import { throwIfAborted } from "../../util/signal.js";

/** Runs `action` while no other tab or worker of this site runs one of this name. */
export async function lockInBrowser<R>(
  name: string,
  signal: AbortSignal | undefined,
  action: () => Promise<R>,
): Promise<R> {
  throwIfAborted(signal, "Waiting for another tab that downloads the same model");
  try {
    return await navigator.locks.request(`weft:${name}`, signal ? { signal } : {}, action);
  } catch (error) {
    throwIfAborted(signal, "Waiting for another tab that downloads the same model");
    throw error;
  }
}

/** Bytes that this site can still store, if the browser says so. */
export async function roomOfSite(): Promise<number | undefined> {
  const { quota, usage } = await navigator.storage.estimate();
  return quota === undefined || usage === undefined ? undefined : Math.max(0, quota - usage);
}

export function storageError(cause: unknown): StorageError {
  const isFull = cause instanceof DOMException && cause.name === "QuotaExceededError";
  return new StorageError({
    reason: isFull ? "full" : "failed",
    problem: `the browser's storage of this site: ${cause instanceof Error ? cause.message : String(cause)}`,
    cause,
  });
}
