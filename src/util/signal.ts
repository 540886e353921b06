// Cancellation: turns an aborted AbortSignal into weft's CancelledError.
import { CancelledError } from "../errors.js";

/** Throws CancelledError when `signal` is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined, operation: string): void {
  if (signal?.aborted) throw new CancelledError(operation, signal.reason);
}

/** Aborts `controller` with `signal`. Returns a function that ends this. */
export function linkSignal(signal: AbortSignal | undefined, controller: AbortController): () => void {
  const abort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted) abort();
  return () => signal?.removeEventListener("abort", abort);
}
