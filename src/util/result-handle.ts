// What a caller holds while something is computed: a promise of the whole, and an iteration over its parts as they come.

/** `await` it for the whole, or iterate over it for the parts. Leaving the loop cancels. */
export class ResultHandle<Part, Whole> implements PromiseLike<Whole>, AsyncIterable<Part> {
  readonly #result: Promise<Whole>;
  readonly #parts: Part[] = [];
  readonly #onCancel: () => void;
  #isEnded = false;
  #wake: (() => void)[] = [];

  /** `run` computes. It calls `emit` with every part, and resolves with the whole. */
  constructor(run: (emit: (part: Part) => void) => Promise<Whole>, cancel: () => void) {
    this.#onCancel = cancel;
    const end = (): void => {
      this.#isEnded = true;
      this.#notify();
    };
    this.#result = run((part) => {
      this.#parts.push(part);
      this.#notify();
    });
    // The caller sees a failure when it awaits or iterates. If nobody does, the failure must not crash the program.
    this.#result.then(end, end);
  }

  /** Ends it and frees its memory at once. No effect after the end. */
  cancel(): void {
    this.#onCancel();
  }

  /** As in a promise of the whole. Called by `await handle`. */
  // oxlint-disable-next-line unicorn/no-thenable -- a handle is awaited for its result, as its documentation says
  then<R = Whole, E = never>(
    onFulfilled?: ((value: Whole) => R | PromiseLike<R>) | null,
    onRejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<R | E> {
    return this.#result.then(onFulfilled, onRejected);
  }

  /** As in a promise. */
  catch<E = never>(onRejected?: ((reason: unknown) => E | PromiseLike<E>) | null): Promise<Whole | E> {
    return this.#result.catch(onRejected);
  }

  /** As in a promise. */
  finally(onFinally?: (() => void) | null): Promise<Whole> {
    return this.#result.finally(onFinally);
  }

  /** Yields all parts from the first on, as they come. Throws the error if it fails. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Part, void, undefined> {
    let next = 0;
    let isComplete = false;
    try {
      for (;;) {
        if (next < this.#parts.length) yield this.#parts[next++]!;
        else if (this.#isEnded) break;
        else await new Promise<void>((resolve) => this.#wake.push(resolve));
      }
      await this.#result;
      isComplete = true;
    } finally {
      if (!isComplete) this.cancel();
    }
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }
}
