// The training run that callers hold: an iterator over steps that can be checkpointed and resumed bit for bit.
import { CancelledError } from "../../errors.js";
import type { Trace } from "../../trace/trace.js";
import { loadPart } from "../../util/load-part.js";
import { checkpointOutsideLoop, secondIteration } from "../../util/training-misuse.js";
import { isDetached, type KeptWeights, type Origin } from "../load/kept-weights.js";
import type { LoadedModel } from "../load/loaded-model.js";
import type { Recovery } from "../load/recovery.js";
import type { Batch, BatchSampler, DataPosition } from "./batches.js";
import type { CheckpointState } from "./checkpoint.js";
import { learningRate } from "./learning-rate.js";
import { checkTrainOptions, type TrainOptions, type TrainSettings } from "./options.js";
import type { DivergenceWatch } from "./divergence.js";
import type { StepOutcome, TrainingSession } from "./session.js";
import type { Sentence } from "../load/check-input.js";

type Training = typeof import("./training.js");

const loadTraining = (): Promise<Training> => loadPart(import("./training.js"));

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
  readonly kept: KeptWeights;
  readonly recovery: Pick<Recovery, "run" | "mayRecover">;
  /** Returns ids of sentences. Texts get the begin token in front and the end token behind. */
  encode(sentences: readonly (string | Sentence)[]): Promise<number[][]>;
  /** Returns the mean loss per token. */
  evaluate(sentences: readonly Sentence[], signal: AbortSignal | undefined): Promise<number>;
  /** Runs `update` while nothing else reads the weights. */
  exclusive<R>(update: () => Promise<R>): Promise<R>;
}

/** What the steps of a run are made of. */
interface Work {
  readonly training: Training;
  readonly settings: TrainSettings;
  readonly windows: ReturnType<Training["cutWindows"]>;
  /** The state before the first step of a run that is not resumed. */
  readonly start: CheckpointState;
}

interface TakenStep {
  readonly batches: readonly Batch[];
  readonly rate: number;
  readonly outcome: StepOutcome;
}

/** A state that the run can begin again from. */
interface Anchor {
  readonly state: CheckpointState;
  /** Undefined for the weights that the model had before the run. */
  readonly checkpoint: Uint8Array<ArrayBuffer> | undefined;
}

/** A training run. Iterate over it to train. Leaving the loop stops it and frees its memory. */
export class TrainingRun implements AsyncIterable<TrainStep> {
  readonly #model: TrainedModel;
  readonly #data: readonly (string | Sentence)[];
  readonly #options: TrainOptions;
  #session: TrainingSession | undefined;
  #sampler: BatchSampler | undefined;
  /** After the last finished step. */
  #state: CheckpointState | undefined;
  /** States to go on from if a device is lost, the latest first. */
  #anchors: readonly Anchor[] = [];
  #isStarted = false;

  constructor(model: TrainedModel, data: readonly (string | Sentence)[], options: TrainOptions) {
    this.#model = model;
    this.#data = data;
    this.#options = options;
  }

  /**
   * Trains, and yields each step once it is done. A run can be iterated over once. If a device is lost, the model is opened again,
   * and the steps since the last checkpoint, or since the beginning, are computed again, with the same bits. Nothing is yielded
   * twice.
   * @throws ArgumentError, FormatError for an unfit checkpoint, TrainingError when a step diverges, DeviceError,
   * CancelledError when `signal` aborts, DisposedError.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<TrainStep, void, undefined> {
    if (this.#isStarted) throw secondIteration();
    this.#isStarted = true;
    const { signal, validation, resume } = this.#options;
    const { loaded, kept, recovery } = this.#model;
    const { config } = loaded;
    const settings = checkTrainOptions(this.#options, loaded);
    const training = await loadTraining();
    const windows = training.cutWindows(await this.#model.encode(this.#data), config.contextLength);
    const heldOut =
      validation && training.cutWindows(await this.#model.encode(validation.sentences), config.contextLength);
    const start = this.#stateOf(settings, 0, { epoch: 0, next: 0 });
    const work: Work = { training, settings, windows, start };
    const before = kept.origin;
    let isOpen = false;
    const end = kept.begin(() => {
      const anchor = this.#anchor;
      // Until the session is there, the weights are as before.
      if (!isOpen) return before;
      const origin = anchor?.checkpoint ? kept.source : before;
      return (
        anchor && origin && { ...origin, restore: (opened) => this.#restore(opened, work, anchor, before) }
      );
    });
    try {
      await recovery.run(async (opened) => {
        this.#session = await this.#openSession(opened, work);
        if (resume)
          this.#state = await training.restoreState(this.#session, resume, start, (update) =>
            this.#model.exclusive(update),
          );
      }, signal);
      const begin = this.#state ?? start;
      if (resume) this.#anchors = [{ state: begin, checkpoint: resume }];
      else if (before) this.#anchors = [{ state: begin, checkpoint: undefined }];
      this.#sampler = new training.BatchSampler({ ...settings, windows, position: begin.position });
      isOpen = true;
      for (let step = begin.step + 1; step <= settings.steps; step++) {
        if (signal?.aborted) throw new CancelledError("Training", signal.reason);
        const beganMs = performance.now();
        const { batches, rate, outcome } = await recovery.run(
          () => this.#takeStep(step, work, signal),
          signal,
        );
        const seconds = (performance.now() - beganMs) / 1000;
        this.#state = this.#stateOf(settings, step, this.#sampler.position);
        const { epoch } = this.#sampler.position;
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
          epoch,
          ...(validationLoss === undefined ? {} : { validationLoss }),
          ...(outcome.trace ? { trace: outcome.trace } : {}),
        };
      }
    } finally {
      end();
      const session = this.#session;
      this.#session = undefined;
      this.#anchors = [];
      session?.dispose();
    }
  }

  /**
   * Returns the state after the last finished step: weights, optimizer, step, seed and position in the data. Call it inside the
   * loop. If the model recovers from a lost device, the run keeps these bytes, to go on from: do not change them.
   * @throws ArgumentError before the first step and after the end.
   */
  async checkpoint(): Promise<Uint8Array<ArrayBuffer>> {
    if (!this.#session || !this.#state) throw checkpointOutsideLoop();
    const training = await loadTraining();
    const state = this.#state;
    const { kept, recovery } = this.#model;
    return recovery.run(async () => {
      if (!this.#session) throw checkpointOutsideLoop();
      const { version } = kept;
      const checkpoint = await training.saveState(this.#session, state);
      if (recovery.mayRecover) {
        this.#anchors = [{ state, checkpoint }, ...this.#anchors.filter(isFirst)];
        this.#keepWeights(training, { state, checkpoint }, version);
      }
      return checkpoint;
    });
  }

  /** The latest state whose bytes are still here. */
  get #anchor(): Anchor | undefined {
    return this.#anchors.find(({ checkpoint }) => !checkpoint || !isDetached(checkpoint));
  }

  #openSession(
    opened: LoadedModel,
    { training, settings }: Work,
    divergence?: DivergenceWatch,
  ): Promise<TrainingSession> {
    const exclusive: TrainedModel["exclusive"] = (update) => this.#model.exclusive(update);
    return training.TrainingSession.create(
      opened,
      settings.queues,
      settings.optimizer,
      exclusive,
      divergence,
    );
  }

  /** Takes the step that comes next in the data. */
  async #takeStep(step: number, { settings }: Work, signal?: AbortSignal): Promise<TakenStep> {
    const { trace = false, recompute = false } = this.#options;
    const batches = Array.from({ length: settings.accumulate }, () => this.#sampler!.next());
    const rate = learningRate(settings.schedule, step, settings.steps);
    const { sliceTokens, fence } = settings;
    const request = { batches, step, rate, sliceTokens, fence, recompute, trace, signal };
    return { batches, rate, outcome: await this.#session!.step(request) };
  }

  /** Brings model and run on new queues to where they were after the last finished step, from an earlier state. */
  async #restore(
    opened: LoadedModel,
    work: Work,
    { state: from, checkpoint }: Anchor,
    before: Origin | undefined,
  ): Promise<void> {
    const { training, settings, windows, start } = work;
    const { divergence } = this.#session!;
    this.#session!.dispose();
    if (!checkpoint) await before?.restore?.(opened);
    const session = await this.#openSession({ ...opened }, work, divergence);
    this.#session = session;
    if (checkpoint)
      await training.restoreState(session, checkpoint, start, (update) => this.#model.exclusive(update));
    this.#sampler = new training.BatchSampler({ ...settings, windows, position: from.position });
    const last = (this.#state ?? start).step;
    for (let step = from.step + 1; step <= last; step++) await this.#takeStep(step, work);
    if (checkpoint && from.step === last)
      this.#keepWeights(training, { state: from, checkpoint }, this.#model.kept.version);
  }

  /** Has the model know where weights of this version can be had from, also after the run. */
  #keepWeights(
    { restoreWeights }: Training,
    { state, checkpoint }: { readonly state: CheckpointState; readonly checkpoint: Uint8Array<ArrayBuffer> },
    version: number,
  ): void {
    const { kept } = this.#model;
    kept.keep(version, {
      ...kept.source,
      checkpoint,
      restore: (opened) => restoreWeights(opened, checkpoint, state),
    });
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

/** The state that a run began from is kept beside the latest. */
const isFirst = (_: Anchor, index: number, all: readonly Anchor[]): boolean => index === all.length - 1;
