// Web Locks without a browser: exclusive ones, granted in the order of their requests.
import { vi } from "vitest";

type Holding = () => unknown;

export class FakeLocks {
  readonly #queues = new Map<string, Promise<unknown>>();

  /** Is `navigator.locks` until the end of the test. */
  static install(): FakeLocks {
    const locks = new FakeLocks();
    vi.stubGlobal("navigator", { locks });
    return locks;
  }

  async request(name: string, ...given: [Holding] | [{ signal: AbortSignal }, Holding]): Promise<unknown> {
    const hold = given.at(-1) as Holding;
    const signal = given.length === 2 ? given[0].signal : undefined;
    const before = this.#queues.get(name);
    const held = (async () => {
      await before;
      signal?.throwIfAborted();
      return hold();
    })();
    this.#queues.set(
      name,
      held.catch(() => undefined),
    );
    return held;
  }

  /** Holds a lock. Returns what lets it go. */
  hold(name: string): () => void {
    const ending = new AbortController();
    const ended = new Promise<void>((resolve) => ending.signal.addEventListener("abort", () => resolve()));
    void this.request(name, () => ended);
    return () => ending.abort();
  }
}
