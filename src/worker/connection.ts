// The page's end of the connection to a worker: numbered calls, their events and results, and failures that end all of them.
// Knows nothing of what the calls do.
import { ArgumentError, CancelledError } from "../errors.js";
import { failed, startWorker, type Channel } from "./channel.js";
import { errorOf } from "./error-record.js";
import type { Reply, Request } from "./messages.js";

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with every event of the call. If it throws, the call ends. */
  readonly onEvent?: ((event: never) => void) | undefined;
}

export interface OpenCall<Result> {
  readonly number: number;
  readonly result: Promise<Result>;
  /** Does what aborting the signal does. Has no effect after the end of the call. */
  readonly abort: () => void;
}

interface Pending extends CallOptions {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

export class Connection {
  readonly #channel: Channel;
  readonly #pending = new Map<number, Pending>();
  #lastCall = 0;
  #failure: Error | undefined;
  readonly #watching = new AbortController();

  /** Goes by this way; by default, that to a worker of the page's own, which it starts. @throws WorkerError if there can't be one. */
  constructor(channel: Channel = startWorker()) {
    this.#channel = channel;
    const { replies, scripts } = channel;
    replies.addEventListener("message", (event) => {
      for (const reply of (event as MessageEvent<readonly Reply[]>).data) this.#take(reply);
    });
    replies.addEventListener("messageerror", () => this.end(failed("an answer could not be read")));
    scripts.addEventListener("error", (event) => {
      event.preventDefault();
      this.end(failed((event as ErrorEvent).message || "its script could not be loaded"));
    });
    this.#channel.start();
  }

  /**
   * Notices if the worker is gone without an "error" event, as one that closes itself or is ended by others: it holds a lock of this
   * name as long as it lives. Nothing is noticed where there are no locks.
   */
  watch(lock: string): void {
    const { locks } = (globalThis.navigator ?? {}) as { locks?: LockManager };
    if (!locks || this.#channel.sharedBy === "tab") return; // between tabs, the channel goes on to the next one
    const { signal } = this.#watching;
    locks.request(lock, { signal }, () => this.end(failed("it was ended"))).catch(() => undefined);
  }

  /** Holds a lock as long as the connection lasts, by which the worker knows that the page is there. Returns its name. */
  async holdLock(): Promise<string> {
    const name = `weft page ${crypto.randomUUID()}`;
    const ended = new Promise<void>((resolve) =>
      this.#watching.signal.addEventListener("abort", () => resolve()),
    );
    await new Promise<void>((resolve, reject) => {
      navigator.locks.request(name, () => (resolve(), ended)).catch(reject);
    });
    return name;
  }

  /** Which way pages share the worker, if they do. */
  get sharedBy(): Channel["sharedBy"] {
    return this.#channel.sharedBy;
  }

  /** Why no more calls are possible. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  async call<Result>(method: string, args: readonly unknown[], options?: CallOptions): Promise<Result> {
    return this.open<Result>(method, args, options).result;
  }

  /** As `call`, for calls that the page may end. */
  open<Result>(method: string, args: readonly unknown[], options: CallOptions = {}): OpenCall<Result> {
    const { signal } = options;
    const number = ++this.#lastCall;
    const abort = (): void => {
      if (this.#pending.has(number)) this.#post({ abort: number });
    };
    const result = new Promise<Result>((resolve, reject) => {
      if (this.#failure) throw this.#failure;
      this.#post({ call: number, method, args, isAborted: signal?.aborted ?? false });
      this.#pending.set(number, { ...options, resolve, reject });
      signal?.addEventListener("abort", abort);
    }).finally(() => signal?.removeEventListener("abort", abort));
    return { number, result, abort };
  }

  /** Ends the worker and everything in it; of a shared one, what this page asked for. Running and later calls reject with `error`. */
  end(error: Error): void {
    this.#failure ??= error;
    this.#watching.abort();
    this.#channel.end();
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    this.#pending.clear();
  }

  #post(request: Request): void {
    try {
      this.#channel.post(request);
    } catch (cause) {
      throw new ArgumentError({
        argument: "method" in request ? `an argument of ${request.method}` : "the call",
        expected: "values that can be copied to a worker",
        received: (cause as Error).message,
        remedy:
          "Functions and objects of the page stay behind, but for onProgress and signal: pass plain data, or use Model of " +
          '"weft-webgpu", which runs on the page\'s own thread.',
      });
    }
  }

  #take(reply: Reply): void {
    const pending = this.#pending.get(reply.call);
    if (!pending) return;
    if ("event" in reply) {
      try {
        pending.onEvent?.(reply.event as never);
      } catch (error) {
        this.#post({ abort: reply.call });
        this.#pending.delete(reply.call);
        pending.reject(error);
      }
      return;
    }
    this.#pending.delete(reply.call);
    if ("value" in reply) pending.resolve(reply.value as never);
    else pending.reject(withReason(errorOf(reply.error), pending.signal));
  }
}

/** A signal's reason may be anything, so it is not posted to the worker. The error gets it here. */
function withReason(error: unknown, signal: AbortSignal | undefined): unknown {
  if (error instanceof CancelledError && signal?.aborted)
    Object.defineProperty(error, "cause", {
      value: signal.reason,
      configurable: true,
      writable: true,
    });
  return error;
}
