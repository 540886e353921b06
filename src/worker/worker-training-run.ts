// A training run that lives in a worker, as the page sees it.
import type { Sentence, TrainingRun, TrainOptions, TrainStep } from "../index.js";
import type { Connection, OpenCall } from "./connection.js";

/**
 * As TrainingRun, for a model in a worker: a step begins when the loop asks for it, so that between steps the model scores
 * and writes with what it has learned. What `Model.train` throws at once is thrown by the iteration.
 */
export class WorkerTrainingRun implements Pick<TrainingRun, keyof TrainingRun>, AsyncIterable<TrainStep> {
  readonly #connection: Connection;
  readonly #opened: OpenCall<void>;
  readonly #signal: AbortSignal | undefined;

  constructor(
    connection: Connection,
    sentences: readonly (string | Sentence)[],
    { signal, ...options }: TrainOptions,
  ) {
    this.#connection = connection;
    this.#signal = signal;
    this.#opened = connection.open("train", [sentences, options]);
    this.#opened.result.catch(() => undefined); // thrown by the iteration
  }

  /**
   * Trains and answers each step once it is done. One iteration per run.
   * @throws what TrainingRun throws, and WorkerError.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<TrainStep, void, undefined> {
    await this.#opened.result;
    const signal = this.#signal;
    const steps = this.#connection.open<void>("iterate", [this.#opened.number]);
    await steps.result;
    let isEnded = false;
    try {
      for (;;) {
        const step = await this.#connection
          .call<TrainStep | undefined>("nextStep", [steps.number], { signal })
          .catch((error: unknown) => {
            isEnded = true;
            throw error;
          });
        isEnded = !step;
        if (!step) return;
        yield step;
      }
    } finally {
      // A worker that has ended, or ends meanwhile, holds no run.
      if (!isEnded) await this.#connection.call("leaveLoop", [steps.number]).catch(() => undefined);
    }
  }

  /**
   * The state after the last finished step: weights, optimizer, step, seed and place in the data. Call it inside the loop.
   * @throws ArgumentError before the first step and after the end.
   */
  async checkpoint(): Promise<Uint8Array<ArrayBuffer>> {
    await this.#opened.result;
    return this.#connection.call("checkpoint", [this.#opened.number]);
  }
}
