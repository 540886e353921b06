// A training run in a worker, as the page sees it.
import type { Sentence, TrainingRun, TrainOptions, TrainStep } from "../index.js";
import { checkpointOutsideLoop, secondIteration } from "../util/training-misuse.js";
import type { Connection } from "./connection.js";

/**
 * A TrainingRun of a model in a worker. A step begins when the loop asks for it, so between steps the model scores and writes
 * with what it has learned. The worker holds data and state while the loop runs. The iteration throws what `Model.train`
 * would throw at once.
 */
export class WorkerTrainingRun implements Pick<TrainingRun, keyof TrainingRun>, AsyncIterable<TrainStep> {
  readonly #connection: Connection;
  readonly #data: readonly (string | Sentence)[];
  readonly #options: TrainOptions;
  #isStarted = false;
  /** The run's number in the worker, while it is there. */
  #number: number | undefined;

  constructor(connection: Connection, data: readonly (string | Sentence)[], options: TrainOptions) {
    this.#connection = connection;
    this.#data = data;
    this.#options = options;
  }

  /**
   * Trains, and yields each step once it is done. A run can be iterated over once.
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
      // If the worker has ended, or ends meanwhile, there is no run left to end.
      await this.#connection.call("endRun", [opened.number]).catch(() => undefined);
    }
  }

  /**
   * The state after the last finished step: weights, optimizer, step, seed and position in the data. Call it inside the loop.
   * @throws ArgumentError before the first step and after the end.
   */
  async checkpoint(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#number === undefined) throw checkpointOutsideLoop();
    return this.#connection.call("checkpoint", [this.#number]);
  }
}
