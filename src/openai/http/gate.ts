// Lets so many requests compute at once, has so many others wait in their order, and refuses the rest.
import { ApiFailure } from "./failure.js";

interface Waiter {
  readonly weight: number;
  readonly enter: () => void;
}

/** Seconds after which a client that was refused may try again. */
const RETRY_SECONDS = 1;

export class Gate {
  readonly #most: number;
  readonly #mostWaiting: number;
  #inside = 0;
  readonly #waiters: Waiter[] = [];

  /** `most` answers at once, counted by weights. `mostWaiting` requests. */
  constructor(most: number, mostWaiting: number) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  /**
   * Waits until there is room for `weight`, of which a request may need more than there is in all: then it is alone. Returns what
   * leaves again, which may be called twice. @throws ApiFailure if too many wait, and what `signal` was aborted with.
   */
  async enter(weight: number, signal: AbortSignal): Promise<() => void> {
    const own = Math.min(weight, this.#most);
    signal.throwIfAborted();
    if (this.#waiters.length > 0 || this.#inside + own > this.#most) await this.#wait(own, signal);
    else this.#inside += own;
    let isInside = true;
    return () => {
      if (!isInside) return;
      isInside = false;
      this.#inside -= own;
      this.#admit();
    };
  }

  #wait(weight: number, signal: AbortSignal): Promise<void> {
    if (this.#waiters.length >= this.#mostWaiting) {
      throw new ApiFailure({
        status: 429,
        message: `Too many requests: ${this.#waiters.length} are waiting already. Try again in a moment.`,
        code: "queue_full",
        headers: { "retry-after": String(RETRY_SECONDS) },
      });
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        weight,
        enter() {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      const leave = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(signal.reason as Error);
        // Those behind it may need less room.
        this.#admit();
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiters.push(waiter);
    });
  }

  #admit(): void {
    for (
      let [next] = this.#waiters;
      next && this.#inside + next.weight <= this.#most;
      [next] = this.#waiters
    ) {
      this.#waiters.shift();
      this.#inside += next.weight;
      next.enter();
    }
  }
}
