// A training run as callers see it: an iterator over steps that can be checkpointed and resumed bit for bit.
import { CancelledError } from "../../errors.js";
import { BatchSampler, cutWindows, type DataPosition } from "./batches.js";
import { readCheckpoint, writeCheckpoint, type CheckpointState } from "./checkpoint.js";
import { decays, learningRate, type LearningRateSchedule } from "./learning-rate.js";
import { checkOptimizer, type CheckedOptimizer, type OptimizerOptions } from "./optimizer.js";
import type { GpuBuffer } from "../../gpu/buffer.js";
import { readAll, writeAll } from "../../gpu/buffer-contents.js";
import type { Trace } from "../../trace/trace.js";
import type { LoadedModel } from "../load/loaded-model.js";
import { checkChoice, checkReal, checkWhole } from "../../util/check.js";
import { fences, type Fence } from "../../plan/vocabulary.js";
import { checkpointOutsideLoop, secondIteration } from "../../util/training-misuse.js";
import { TrainingSession } from "./session.js";

/** How long, how much at a time, and how a model learns. */
export interface TrainOptions {
  /** Steps of the whole run, those before a checkpoint included. */
  readonly steps: number;
  /** Tokens per step: whole sentences until they hold as many. Default: 1024. */
  readonly batchTokens?: number;
  /** Batches of `batchTokens` whose gradients are added up before each update. Default: 1. */
  readonly accumulate?: number;
  /** Default: AdamW. */
  readonly optimizer?: OptimizerOptions;
  /** Default: a peak of 1e-3 with a tenth of the steps as warm-up, then a cosine to a tenth of it. */
  readonly schedule?: LearningRateSchedule;
  /** Sentences or texts whose mean loss is given with every `every`th step. */
  readonly validation?: {
    readonly sentences: readonly (string | readonly number[] | Uint32Array)[];
    readonly every?: number;
  };
  /** Decides the order of the data. Default: 0. */
  readonly seed?: number;
  /** Gradients are formed per share and then added in order: the unit that a queue works on. Default: 2. */
  readonly shares?: number;
  /**
   * k, from 1 to the context length: also bounds how many logits are held at once. Changes no bit. Default: as loaded, and
   * 16 where that is "auto".
   */
  readonly sliceTokens?: number;
  /** What opens a sentence's attention in the forward part. Default: "sentence". */
  readonly fence?: Fence;
  /**
   * Keep only what layers begin with, and form the rest of their activations again in the backward pass: less memory for
   * about a sixth more work, and the same bits. Default: false.
   */
  readonly recompute?: boolean;
  /** How many of the loaded queues to use. Default: all, at most one per share. */
  readonly queues?: number;
  /** A checkpoint of an earlier run with the same data and options: goes on where that stopped, with the same bits. */
  readonly resume?: Uint8Array<ArrayBuffer>;
  /** Also record what ran when; with "kernels" also how long each dispatch took, on adapters with timestamps. */
  readonly trace?: boolean | "kernels";
  /** Aborting ends the run between or within steps; an unfinished step leaves the weights as they were. */
  readonly signal?: AbortSignal;
}

/** One finished step. */
export interface TrainStep {
  /** From 1 on. */
  readonly step: number;
  /** Mean over the step's tokens before its update, in nats. */
  readonly loss: number;
  /** Before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly epoch: number;
  /** Mean loss over the validation sentences after the update, where it was due. */
  readonly validationLoss?: number;
  readonly trace?: Trace;
}

/** What a run needs of the model it trains. */
export interface TrainedModel {
  readonly loaded: LoadedModel;
  /** Ids of sentences; texts get the begin token in front, and the end token behind. */
  encode(
    sentences: readonly (string | readonly number[] | Uint32Array)[],
  ): Promise<(readonly number[] | Uint32Array)[]>;
  /** Mean loss per token. */
  evaluate(
    sentences: readonly (readonly number[] | Uint32Array)[],
    signal: AbortSignal | undefined,
  ): Promise<number>;
  /** Runs `update` while nothing else reads the weights. */
  exclusive<R>(update: () => Promise<R>): Promise<R>;
}

/** Short enough for little memory for logits, long enough for few tasks. */
const USUAL_SLICE_TOKENS = 16;

interface Settings {
  readonly steps: number;
  readonly schedule: LearningRateSchedule;
  readonly optimizer: CheckedOptimizer;
  readonly seed: number;
  readonly shares: number;
  readonly batchTokens: number;
  readonly accumulate: number;
  readonly sliceTokens: number;
  readonly fence: Fence;
  readonly queues: number;
}

/** A training run: iterate over it to train; leaving the loop stops it and frees its memory. */
export class TrainingRun implements AsyncIterable<TrainStep> {
  readonly #model: TrainedModel;
  readonly #data: readonly (string | readonly number[] | Uint32Array)[];
  readonly #options: TrainOptions;
  #session: TrainingSession | undefined;
  #state: CheckpointState | undefined;
  #isStarted = false;

  constructor(
    model: TrainedModel,
    data: readonly (string | readonly number[] | Uint32Array)[],
    options: TrainOptions,
  ) {
    this.#model = model;
    this.#data = data;
    this.#options = options;
  }

  /**
   * Trains and answers each step once it is done. One iteration per run.
   * @throws ArgumentError, FormatError for an unfit checkpoint, TrainingError when a step diverges, DeviceError,
   * CancelledError when `signal` aborts, DisposedError.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<TrainStep, void, undefined> {
    if (this.#isStarted) throw secondIteration();
    this.#isStarted = true;
    const { signal, validation, trace = false, recompute = false } = this.#options;
    const settings = this.#check();
    const { config } = this.#model.loaded;
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
      const start = await this.#resume(session, settings);
      const sampler = new BatchSampler({ ...settings, windows, position: start.position });
      for (let step = start.step + 1; step <= settings.steps; step++) {
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
   * The state after the last finished step: weights, optimizer, step, seed and place in the data. Call it inside the loop.
   * @throws ArgumentError before the first step and after the end.
   */
  async checkpoint(): Promise<Uint8Array<ArrayBuffer>> {
    if (!this.#session || !this.#state) throw checkpointOutsideLoop();
    const { queue } = this.#session.state;
    const named = namedBuffers(this.#session.state);
    const values = await readAll(queue, [...named.values()]);
    return writeCheckpoint(
      this.#state,
      new Map([...named.keys()].map((name, index) => [name, values[index]!])),
    );
  }

  async #resume(
    session: TrainingSession,
    settings: Settings,
  ): Promise<{ readonly step: number; readonly position: DataPosition }> {
    const { resume } = this.#options;
    if (!resume) return { step: 0, position: { epoch: 0, next: 0 } };
    const sizes = new Map(
      [...namedBuffers(session.state)].map(([name, { sizeBytes }]) => [name, sizeBytes / 4]),
    );
    const { shape, optimizer } = this.#stateOf(settings, 0, { epoch: 0, next: 0 });
    const { state, tensors } = readCheckpoint(resume, { shape, optimizer, seed: settings.seed, sizes });
    await this.#model.exclusive(async () => {
      for (const replica of session.replicas) {
        const named = namedBuffers(replica);
        writeAll(
          replica.queue,
          [...named.values()],
          [...named.keys()].map((name) => tensors.get(name)!),
        );
        await replica.queue.fence();
      }
    });
    this.#state = state;
    return state;
  }

  #stateOf(settings: Settings, step: number, position: DataPosition): CheckpointState {
    const { endTokens: _, beginToken: __, ...shape } = this.#model.loaded.config;
    return {
      step,
      seed: settings.seed,
      position,
      optimizer: JSON.stringify(settings.optimizer),
      shape: JSON.stringify(shape),
    };
  }

  #check(): Settings {
    const { config, info } = this.#model.loaded;
    const { sliceTokens } = info.schedule;
    const options = this.#options;
    const steps = checkWhole("steps", options.steps ?? Number.NaN, 0, {
      least: 1,
      most: 1e9,
      remedy: "It is the number of updates in the whole run; those before a checkpoint count too.",
    });
    const shares = checkWhole("shares", options.shares, 2, {
      least: 1,
      most: 64,
      remedy: "It is the number of parts of a batch; a queue works on whole parts.",
    });
    const { contextLength } = config;
    const usualSlice = sliceTokens === "auto" ? Math.min(USUAL_SLICE_TOKENS, contextLength) : sliceTokens;
    const mostQueues = Math.min(info.queues, shares);
    return {
      steps,
      shares,
      schedule: checkSchedule(options.schedule ?? { peak: 1e-3, warmupSteps: Math.ceil(steps / 10) }),
      optimizer: checkOptimizer(options.optimizer),
      seed: checkWhole("seed", options.seed, 0, { least: 0, most: Number.MAX_SAFE_INTEGER }),
      batchTokens: checkWhole("batchTokens", options.batchTokens, 1024, {
        least: 1,
        most: 1e7,
        remedy: "It is how many tokens a batch has at least: whole sentences until they hold as many.",
      }),
      accumulate: checkWhole("accumulate", options.accumulate, 1, {
        least: 1,
        most: 1000,
        remedy: "It is how many batches are added up before the weights are updated.",
      }),
      sliceTokens: checkWhole("sliceTokens", options.sliceTokens, usualSlice, {
        least: 1,
        most: contextLength,
        remedy: "It is the number of tokens per slice, at most the model's context.",
      }),
      fence: checkChoice("fence", options.fence, "sentence", fences),
      queues: checkWhole("queues", options.queues, mostQueues, {
        least: 1,
        most: mostQueues,
        remedy: "A run may use as many queues as were loaded, and at most one per share.",
      }),
    };
  }
}

/** Weights and optimizer state by the names they have in checkpoints. */
function namedBuffers({
  parameters,
  optimizer,
}: Pick<TrainingSession["state"], "parameters" | "optimizer">): Map<string, GpuBuffer> {
  const named = new Map<string, GpuBuffer>();
  for (const [index, { name, buffer }] of parameters.entries()) {
    named.set(name, buffer);
    for (const [moment, state] of optimizer.state[index]!.entries())
      named.set(`${name}.moment-${moment + 1}`, state);
  }
  return named;
}

function checkSchedule(schedule: LearningRateSchedule): LearningRateSchedule {
  const { peak, warmupSteps, decay, final } = schedule;
  checkReal("schedule.peak", peak ?? Number.NaN, 0, {
    least: 0,
    remedy: "It is the highest learning rate; around 1e-3 is usual for small models.",
  });
  checkReal("schedule.warmupSteps", warmupSteps, 0, {
    least: 0,
    remedy: "It is the number of steps over which the rate rises to its peak.",
  });
  checkReal("schedule.final", final, 0, {
    least: 0,
    remedy: "It is the learning rate of the last step; a tenth of the peak is usual.",
  });
  checkChoice("schedule.decay", decay, "cosine", decays);
  return schedule;
}
