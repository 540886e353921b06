// A Worker without a thread: tests read what is posted to it and say what it answers.
import { vi } from "vitest";

interface Posted {
  readonly call?: number;
  readonly method?: string;
  readonly args?: readonly unknown[];
  readonly isAborted?: boolean;
  readonly abort?: number;
}

export class FakeWorker extends EventTarget {
  /** The one that was started last. */
  static last: FakeWorker;
  readonly posted: Posted[] = [];
  /** What it answers by itself, by method. */
  automatic: Readonly<Record<string, () => object>> = {};
  isTerminated = false;

  constructor() {
    super();
    FakeWorker.last = this;
  }

  /** Has the code under test start such workers until the end of the test. */
  static install(): void {
    vi.stubGlobal("Worker", FakeWorker);
  }

  postMessage(message: Posted): void {
    if (this.isTerminated) throw new Error("a message to a worker that was ended");
    this.posted.push(structuredClone(message));
    const reply = this.automatic[message.method ?? ""]?.();
    if (reply) queueMicrotask(() => this.answer({ call: message.call, ...reply }));
  }

  terminate(): void {
    this.isTerminated = true;
  }

  /** The number of the last call of `method`. */
  numberOf(method: string): number {
    return this.posted.findLast((own) => own.method === method)!.call!;
  }

  /** Answers in one message, of calls by their numbers. */
  answer(...replies: readonly object[]): void {
    this.dispatchEvent(new MessageEvent("message", { data: replies }));
  }

  /** As after an exception that nothing caught in the worker's script. */
  crash(message: string): void {
    this.dispatchEvent(Object.assign(new Event("error", { cancelable: true }), { message }));
  }
}
