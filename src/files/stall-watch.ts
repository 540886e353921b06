// Ends a request to which nothing arrives for too long, where a caller has said how long that is.
import { FetchError } from "../errors.js";
import { linkSignal } from "../util/signal.js";

export class StallWatch {
  readonly #url: string;
  readonly #stallMs: number;
  readonly #controller = new AbortController();
  readonly #unlink: () => void;
  #isStalled = false;

  /** `signal` is the caller's, which ends the request too, until `end`. */
  constructor(url: string, stallMs: number, signal: AbortSignal | undefined) {
    this.#url = url;
    this.#stallMs = stallMs;
    this.#unlink = linkSignal(signal, this.#controller);
  }

  /** With this, the request is made. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Waits for an answer, or for bytes of it. @throws FetchError if none come, and whatever `arriving` throws. */
  async wait<T>(arriving: Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      this.#isStalled = true;
      this.#controller.abort();
    }, this.#stallMs);
    try {
      return await arriving;
    } catch (cause) {
      if (!this.#isStalled) throw cause;
      throw new FetchError({
        url: this.#url,
        problem: `the server sent nothing for ${this.#stallMs} ms`,
        remedy: "Check the connection and load the model again, or allow more time by stallMs.",
        cause,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  end(): void {
    this.#unlink();
  }
}
