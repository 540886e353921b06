// A Worker without a thread: tests read what is posted to it and decide what it replies.
import { vi } from "vitest";

interface Posted {
  readonly call?: number;
  readonly method?: string;
  readonly args?: readonly unknown[];
  readonly isAborted?: boolean;
  readonly abort?: number;
}

export class FakeWorker extends EventTarget {
  /** The worker that was started last. */
  static last: FakeWorker;
  readonly posted: Posted[] = [];
  /** Replies that it sends by itself, by method. */
  automatic: Readonly<Record<string, () => object>> = {};
  isTerminated = false;

  constructor() {
    super();
    FakeWorker.last = this;
  }

  /** Makes the code under test start fake workers until the end of the test. */
  static install(): void {
    vi.stubGlobal("Worker", FakeWorker);
  }

  postMessage(message: Posted): void {
    if (this.isTerminated) throw new Error("a message to a worker that was ended");
    this.posted.push(structuredClone(message));
    const reply = this.automatic[message.method ?? ""]?.();
    if (reply) queueMicrotask(() => this.reply({ call: message.call, ...reply }));
  }

  terminate(): void {
    this.isTerminated = true;
  }

  /** The number of the last call of `method`. */
  numberOf(method: string): number {
    return this.posted.findLast((own) => own.method === method)!.call!;
  }

  /** Sends replies to numbered calls, in one message. */
  reply(...replies: readonly object[]): void {
    this.dispatchEvent(new MessageEvent("message", { data: replies }));
  }

  /** Reports an exception that nothing caught in the worker's script. */
  crash(message: string): void {
    this.dispatchEvent(Object.assign(new Event("error", { cancelable: true }), { message }));
  }
}
