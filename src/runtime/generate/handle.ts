// What a caller holds while a text is generated: awaitable for the whole, iterable for its pieces as they come.
import { GenerationInterruptedError } from "../../errors.js";

/** Why generation ended: a stop token or string, the allowed or possible length, or the caller. */
export type FinishReason = "stop" | "length" | "abort";

/** A generated text. */
export interface Generation {
  /** Without the stop string. Empty for a model without a tokenizer. */
  readonly text: string;
  /** The generated ids; a stop token is the last one. */
  readonly tokens: readonly number[];
  /** Of each token under the model's own distribution, in nats, where they were asked for. */
  readonly logProbabilities?: readonly number[];
  readonly finishReason: FinishReason;
  readonly usage: { readonly promptTokens: number; readonly completionTokens: number };
  readonly timings: GenerationTimings;
}

/** Milliseconds since the call. */
export interface GenerationTimings {
  /** Until the GPU began with the prompt. */
  readonly queueMs: number;
  readonly firstTokenMs: number;
  readonly totalMs: number;
  /** Between the first and the last token; 0 for fewer than two. */
  readonly tokensPerSecond: number;
}

/**
 * A text being generated. `await` it for the whole Generation, or iterate over it for pieces of text; leaving the loop
 * cancels. Cancelling is no error: the Generation then has the reason "abort" and what there was.
 */
export class GenerationHandle implements PromiseLike<Generation>, AsyncIterable<string> {
  /** Names the request in `model.watchSteps`, from 1 on. */
  readonly id: number;
  readonly #result: Promise<Generation>;
  readonly #pieces: string[] = [];
  readonly #onCancel: () => void;
  #isEnded = false;
  #wake: (() => void)[] = [];

  /** `run` generates: it calls `emit` for every piece and resolves with the whole. */
  constructor(id: number, run: (emit: (piece: string) => void) => Promise<Generation>, cancel: () => void) {
    this.id = id;
    this.#onCancel = cancel;
    const end = (): void => {
      this.#isEnded = true;
      this.#notify();
    };
    this.#result = run((piece) => {
      if (piece === "") return;
      this.#pieces.push(piece);
      this.#notify();
    });
    // A failure is the caller's to see when it awaits or iterates; a handle that nobody looks at is no crash.
    this.#result.then(end, end);
  }

  /** Ends generation and frees its memory at once. No effect after the end. */
  cancel(): void {
    this.#onCancel();
  }

  /** As of a promise of the Generation: `await handle`. */
  // oxlint-disable-next-line unicorn/no-thenable -- a handle is awaited for its result, as its documentation says
  then<R = Generation, E = never>(
    onFulfilled?: ((value: Generation) => R | PromiseLike<R>) | null,
    onRejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<R | E> {
    return this.#result.then(onFulfilled, onRejected);
  }

  /** As of a promise. */
  catch<E = never>(onRejected?: ((reason: unknown) => E | PromiseLike<E>) | null): Promise<Generation | E> {
    return this.#result.catch(onRejected);
  }

  /** As of a promise. */
  finally(onFinally?: (() => void) | null): Promise<Generation> {
    return this.#result.finally(onFinally);
  }

  /** All pieces from the first on, as they come. Throws what generation failed with. */
  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    let next = 0;
    let isComplete = false;
    try {
      for (;;) {
        const piece = this.#pieces[next];
        if (piece !== undefined) {
          next++;
          yield piece;
        } else if (this.#isEnded) break;
        else await new Promise<void>((resolve) => this.#wake.push(resolve));
      }
      await this.#result;
      isComplete = true;
    } finally {
      if (!isComplete) this.cancel();
    }
  }

  /** The pieces as a stream. Cancelling the stream cancels generation. */
  toReadableStream(): ReadableStream<string> {
    const pieces = this[Symbol.asyncIterator]();
    const cancelGeneration = (): void => this.cancel();
    return new ReadableStream<string>({
      async pull(controller) {
        const { value, done } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        // First of all: the iterator may be waiting for a piece, and its return would wait with it.
        cancelGeneration();
        await pieces.return();
      },
    });
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }
}

/** One of several generations, when it ended: its place in the call and how it went. */
export type Completion = { readonly index: number } & PromiseSettledResult<Generation>;

/**
 * Handles of one call, in the order of its prompts. Like an array, but none: of a subclass of Array, TypeScript cannot tell
 * what Promise.all gives.
 */
export class GenerationBatch implements Iterable<GenerationHandle> {
  readonly [index: number]: GenerationHandle;
  readonly length: number;
  readonly #handles: readonly GenerationHandle[];

  constructor(handles: readonly GenerationHandle[]) {
    this.#handles = handles;
    this.length = handles.length;
    Object.assign(this, handles);
  }

  /** The handles in order. */
  [Symbol.iterator](): ArrayIterator<GenerationHandle> {
    return this.#handles.values();
  }

  /** As of an array: what `make` gives for each handle, for Promise.all and the like. */
  map<R>(make: (handle: GenerationHandle, index: number) => R): R[] {
    return this.#handles.map((handle, index) => make(handle, index));
  }

  /** Cancels all that have not ended. */
  cancel(): void {
    for (const handle of this.#handles) handle.cancel();
  }

  /** The generations in the order in which they end, failed ones included. Leaving the loop cancels the others. */
  async *asCompleted(): AsyncGenerator<Completion, void, undefined> {
    const ended: Completion[] = [];
    let wake: (() => void) | undefined;
    const add = (completion: Completion): void => {
      ended.push(completion);
      wake?.();
    };
    for (const [index, handle] of this.#handles.entries())
      void handle.then(
        (value) => add({ index, status: "fulfilled", value }),
        (reason: unknown) => add({ index, status: "rejected", reason }),
      );
    let next = 0;
    try {
      while (next < this.length) {
        const completion = ended[next];
        if (completion) {
          next++;
          yield completion;
        } else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      if (next < this.length) this.cancel();
    }
  }
}

/** The error of a generation that failed, with what there was. */
export type InterruptedGeneration = GenerationInterruptedError<Generation>;
