// The handle that a caller holds while a text is generated. Await it for the whole text, or iterate over its pieces.
import type { GenerationInterruptedError } from "../../errors.js";
import { ResultHandle } from "../../util/result-handle.js";

/** Why generation ended: a stop token or string was generated, there was no room for more, or the caller ended it. */
export type FinishReason = "stop" | "length" | "abort";

/** A generated text. */
export interface Generation {
  /** The text without the stop string. Empty if the model has no tokenizer. */
  readonly text: string;
  /** The generated ids. A stop token is included. */
  readonly tokens: readonly number[];
  /** The log-probability of each token in the model's own distribution, in nats, if asked for. */
  readonly logProbabilities?: readonly number[];
  readonly finishReason: FinishReason;
  readonly usage: { readonly promptTokens: number; readonly completionTokens: number };
  readonly timings: GenerationTimings;
}

/** Milliseconds since the call. */
export interface GenerationTimings {
  /** Milliseconds until the GPU began with the prompt. */
  readonly queueMs: number;
  readonly firstTokenMs: number;
  readonly totalMs: number;
  /** Tokens per second from the first token to the last. 0 for fewer than two tokens. */
  readonly tokensPerSecond: number;
}

/**
 * A text being generated. `await` it for the whole Generation, or iterate over it for pieces of text. Leaving the loop cancels.
 * Cancelling is not an error: the Generation then has the finish reason "abort" and what was generated until then.
 */
export class GenerationHandle extends ResultHandle<string, Generation> {
  /** The number of the request in `model.watchSteps`, from 1 on. */
  readonly id: number;

  /** `run` generates. It calls `emit` with every piece, and resolves with the whole. */
  constructor(id: number, run: (emit: (piece: string) => void) => Promise<Generation>, cancel: () => void) {
    super(
      (emit) =>
        run((piece) => {
          if (piece !== "") emit(piece);
        }),
      cancel,
    );
    this.id = id;
  }

  /** Returns the pieces as a stream. Cancelling the stream cancels generation. */
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
        // This must come first. The iterator may be waiting for a piece, and its return would wait too.
        cancelGeneration();
        await pieces.return();
      },
    });
  }
}

/** The end of one of several generations: its index in the call, and its result or error. */
export type Completion = { readonly index: number } & PromiseSettledResult<Generation>;

/**
 * The handles of one call, in the order of its prompts. It is like an array but does not extend Array, because TypeScript could
 * not tell the type of Promise.all then.
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

  /** Yields the handles in order. */
  [Symbol.iterator](): ArrayIterator<GenerationHandle> {
    return this.#handles.values();
  }

  /** As in an array: returns the results of `make` for each handle, for Promise.all and the like. */
  map<R>(make: (handle: GenerationHandle, index: number) => R): R[] {
    return this.#handles.map((handle, index) => make(handle, index));
  }

  /** Cancels all generations that have not ended. */
  cancel(): void {
    for (const handle of this.#handles) handle.cancel();
  }

  /** Yields the generations as they end, including those that failed. Leaving the loop cancels the others. */
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

/** The error of a generation that failed, with what was generated until then. */
export type InterruptedGeneration = GenerationInterruptedError<Generation>;
