// The training run that callers hold: an iterator over steps that can be checkpointed and resumed bit for bit.
import { CancelledError } from "../../errors.js";
import type { Trace } from "../../trace/trace.js";
import { loadPart } from "../../util/load-part.js";
import { checkpointOutsideLoop, secondIteration } from "../../util/training-misuse.js";
import type { LoadedModel } from "../load/loaded-model.js";
import type { DataPosition } from "./batches.js";
import type { CheckpointState } from "./checkpoint.js";
import { learningRate } from "./learning-rate.js";
import { checkTrainOptions, type TrainOptions, type TrainSettings } from "./options.js";
import type { TrainingSession } from "./session.js";
import type { Sentence } from "../load/check-input.js";

const loadTraining = (): Promise<typeof import("./training.js")> => loadPart(import("./training.js"));

/** A finished step. */
export interface TrainStep {
  /** From 1 on. */
  readonly step: number;
  /** Mean loss over the step's tokens, before its update, in nats. */
  readonly loss: number;
  /** The norm of the gradient before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly epoch: number;
  /** Mean loss over the validation sentences after the update, in steps that report it. */
  readonly validationLoss?: number;
  readonly trace?: Trace;
}

/** What a run needs of the model that it trains. */
export interface TrainedModel {
  readonly loaded: LoadedModel;
  /** Returns ids of sentences. Texts get the begin token in front and the end token behind. */
  encode(sentences: readonly (string | Sentence)[]): Promise<number[][]>;
  /** Returns the mean loss per token. */
  evaluate(sentences: readonly Sentence[], signal: AbortSignal | undefined): Promise<number>;
  /** Runs `update` while nothing else reads the weights. */
  exclusive<R>(update: () => Promise<R>): Promise<R>;
}

/** A training run. Iterate over it to train. Leaving the loop stops it and frees its memory. */
export class TrainingRun implements AsyncIterable<TrainStep> {
  readonly #model: TrainedModel;
  readonly #data: readonly (string | Sentence)[];
  readonly #options: TrainOptions;
  #session: TrainingSession | undefined;
  #state: CheckpointState | undefined;
  #isStarted = false;

  constructor(model: TrainedModel, data: readonly (string | Sentence)[], options: TrainOptions) {
    this.#model = model;
    this.#data = data;
    this.#options = options;
  }

  /**
   * Trains, and yields each step once it is done. A run can be iterated over once.
   * @throws ArgumentError, FormatError for an unfit checkpoint, TrainingError when a step diverges, DeviceError,
   * CancelledError when `signal` aborts, DisposedError.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<TrainStep, void, undefined> {
    if (this.#isStarted) throw secondIteration();
    this.#isStarted = true;
    const { signal, validation, trace = false, recompute = false } = this.#options;
    const { config } = this.#model.loaded;
    const settings = checkTrainOptions(this.#options, this.#model.loaded);
    const { BatchSampler, cutWindows, restoreState, TrainingSession } = await loadTraining();
    const windows = cutWindows(await this.#model.encode(this.#data), config.contextLength);
    const heldOut =
      validation && cutWindows(await this.#model.encode(validation.sentences), config.contextLength);
    const session = await TrainingSession.create(
      this.#model.loaded,
      settings.queues,
      settings.optimizer,
      (update) => this.#model.exclusive(update),
    );
    this.#session = session;
    try {
      const { resume } = this.#options;
      const start = this.#stateOf(settings, 0, { epoch: 0, next: 0 });
      if (resume)
        this.#state = await restoreState(session, resume, start, (update) => this.#model.exclusive(update));
      const begin = this.#state ?? start;
      const sampler = new BatchSampler({ ...settings, windows, position: begin.position });
      for (let step = begin.step + 1; step <= settings.steps; step++) {
        if (signal?.aborted) throw new CancelledError("Training", signal.reason);
        const beganMs = performance.now();
        const batches = Array.from({ length: settings.accumulate }, () => sampler.next());
        const rate = learningRate(settings.schedule, step, settings.steps);
        const { sliceTokens, fence } = settings;
        const outcome = await session.step({
          batches,
          step,
          rate,
          sliceTokens,
          fence,
          recompute,
          trace,
          signal,
        });
        const seconds = (performance.now() - beganMs) / 1000;
        this.#state = this.#stateOf(settings, step, sampler.position);
        const sentences = batches.flatMap(({ shares }) => shares.flat());
        const tokens = sentences.reduce((sum, { length }) => sum + length, 0);
        const isDue = heldOut && (step % (validation?.every ?? 1) === 0 || step === settings.steps);
        const validationLoss = isDue ? await this.#model.evaluate(heldOut, signal) : undefined;
        yield {
          step,
          loss: outcome.loss,
          gradientNorm: outcome.gradientNorm,
          learningRate: rate,
          tokens,
          tokensPerSecond: tokens / seconds,
          epoch: sampler.position.epoch,
          ...(validationLoss === undefined ? {} : { validationLoss }),
          ...(outcome.trace ? { trace: outcome.trace } : {}),
        };
      }
    } finally {
      this.#session = undefined;
      session.dispose();
    }
  }

  /**
   * Returns the state after the last finished step: weights, optimizer, step, seed and position in the data. Call it inside the
   * loop.
   * @throws ArgumentError before the first step and after the end.
   */
  async checkpoint(): Promise<Uint8Array<ArrayBuffer>> {
    if (!this.#session || !this.#state) throw checkpointOutsideLoop();
    const { saveState } = await loadTraining();
    return saveState(this.#session, this.#state);
  }

  #stateOf(settings: TrainSettings, step: number, position: DataPosition): CheckpointState {
    const { endTokens: _, beginToken: __, ...shape } = this.#model.loaded.config;
    return {
      step,
      seed: settings.seed,
      position,
      optimizer: JSON.stringify(settings.optimizer),
      shape: JSON.stringify(shape),
    };
  }
}
