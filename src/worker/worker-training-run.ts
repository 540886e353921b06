// A training run that lives in a worker, as the page sees it.
import type { Sentence, TrainingRun, TrainOptions, TrainStep } from "../index.js";
import { checkpointOutsideLoop, secondIteration } from "../util/training-misuse.js";
import type { Connection } from "./connection.js";

/**
 * As TrainingRun, for a model in a worker: a step begins when the loop asks for it, so that between steps the model scores
 * and writes with what it has learned. The worker holds data and state while the loop runs. What `Model.train` throws at
 * once is thrown by the iteration.
 */
export class WorkerTrainingRun implements Pick<TrainingRun, keyof TrainingRun>, AsyncIterable<TrainStep> {
  readonly #connection: Connection;
  readonly #data: readonly (string | Sentence)[];
  readonly #options: TrainOptions;
  #isStarted = false;
  /** Names the run in the worker, as long as it is there. */
  #number: number | undefined;

  constructor(connection: Connection, data: readonly (string | Sentence)[], options: TrainOptions) {
    this.#connection = connection;
    this.#data = data;
    this.#options = options;
  }

  /**
   * Trains and answers each step once it is done. One iteration per run.
   * @throws what TrainingRun throws, and WorkerError.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<TrainStep, void, undefined> {
    if (this.#isStarted) throw secondIteration();
    this.#isStarted = true;
    const { signal, ...options } = this.#options;
    const opened = this.#connection.open<void>("train", [this.#data, options]);
    await opened.result;
    this.#number = opened.number;
    try {
      for (;;) {
        const step = await this.#connection.call<TrainStep | undefined>("nextStep", [opened.number], {
          signal,
        });
        if (!step) return;
        yield step;
      }
    } finally {
      this.#number = undefined;
      // A worker that has ended, or ends meanwhile, holds no run.
      await this.#connection.call("endRun", [opened.number]).catch(() => undefined);
    }
  }

  /**
   * The state after the last finished step: weights, optimizer, step, seed and place in the data. Call it inside the loop.
   * @throws ArgumentError before the first step and after the end.
   */
  async checkpoint(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#number === undefined) throw checkpointOutsideLoop();
    return this.#connection.call("checkpoint", [this.#number]);
  }
}
