// Cancellation: turns an aborted AbortSignal into weft's CancelledError.
import { CancelledError } from "../errors.js";

/** Throws CancelledError when `signal` is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined, operation: string): void {
  if (signal?.aborted) throw new CancelledError(operation, signal.reason);
}
