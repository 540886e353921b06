// The options of a training run, checked.
import { ArgumentError } from "../../errors.js";
import { fences, type Fence } from "../../plan/vocabulary.js";
import { checkChoice, checkReal, checkWhole } from "../../util/check.js";
import { checkOptionNames, type OptionNames } from "../../util/option-names.js";
import type { LoadedModel } from "../load/loaded-model.js";
import { decays, type LearningRateSchedule } from "./learning-rate.js";
import { checkOptimizer, type CheckedOptimizer, type OptimizerOptions } from "./optimizer-options.js";
import type { Sentence } from "../load/check-input.js";

/** The options of a training run. */
export interface TrainOptions {
  /** Steps of the whole run, including those before a checkpoint. */
  readonly steps: number;
  /**
   * Tokens per batch: whole sentences are taken until they have as many, and at least one for each of `shares`. So a batch has more
   * where it is small or sentences are long. Default: 1024.
   */
  readonly batchTokens?: number;
  /** Batches of `batchTokens` whose gradients are added up before each update. Default: 1. */
  readonly accumulate?: number;
  /** Default: AdamW. */
  readonly optimizer?: OptimizerOptions;
  /** Default: a tenth of the steps as warm-up to 1e-3, then a cosine down to 1e-4. */
  readonly schedule?: LearningRateSchedule;
  /** Sentences or texts whose mean loss every `every`th step reports. */
  readonly validation?: {
    readonly sentences: readonly (string | Sentence)[];
    readonly every?: number;
  };
  /** Decides the order of the data. Default: 0. */
  readonly seed?: number;
  /**
   * Shares per batch. A queue works on whole shares; gradients are formed per share and added in order. Each has at least one
   * sentence, whatever `batchTokens` is. Default: 2.
   */
  readonly shares?: number;
  /**
   * k, from 1 to the context length. It also bounds how many logits are held at once. Results do not depend on it. Default: as
   * loaded, or 16 if that is "auto".
   */
  readonly sliceTokens?: number;
  /** What attention waits for in the forward pass. See RunOptions. Default: "sentence". */
  readonly fence?: Fence;
  /**
   * Keep fewer activations and compute the others again in the backward pass. This takes less memory and about a sixth more
   * work, and gives the same bits. Default: false.
   */
  readonly recompute?: boolean;
  /** How many of the loaded queues to use. Default: all, at most one per share. */
  readonly queues?: number;
  /** A checkpoint of an earlier run with the same data and options. The run goes on where that one stopped, with the same bits. */
  readonly resume?: Uint8Array<ArrayBuffer>;
  /** Also record what ran when. With "kernels", also how long each dispatch took, if the adapter has timestamps. */
  readonly trace?: boolean | "kernels";
  /** Aborting ends the run, also within a step. An unfinished step leaves the weights as they were. */
  readonly signal?: AbortSignal;
}

const optionNames: OptionNames<TrainOptions> = {
  steps: true,
  batchTokens: true,
  accumulate: true,
  optimizer: true,
  schedule: true,
  validation: true,
  seed: true,
  shares: true,
  sliceTokens: true,
  fence: true,
  recompute: true,
  queues: true,
  resume: true,
  trace: true,
  signal: true,
};

const scheduleNames: OptionNames<LearningRateSchedule> = {
  peak: true,
  warmupSteps: true,
  decay: true,
  final: true,
};

const validationNames: OptionNames<NonNullable<TrainOptions["validation"]>> = {
  sentences: true,
  every: true,
};

/** Short enough that logits take little memory, long enough for few tasks. */
const USUAL_SLICE_TOKENS = 16;

/** No product of such a rate and a gradient that is clipped to 1 leaves the range of f32. */
const MOST_RATE = 1e30;

/** The options with all defaults filled in. */
export interface TrainSettings {
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

/** Throws ArgumentError unless all weights are float32. */
export function expectTrainable({ replicas }: LoadedModel): void {
  const pieces = replicas[0]!.weights.parameters.flatMap((parameter) => parameter.pieces);
  const other = pieces.find(({ format }) => format !== "f32");
  if (!other) return;
  throw new ArgumentError({
    argument: "model",
    expected: "one whose weights are float32, as training changes them by less than other formats resolve",
    received: other.format,
    remedy: 'Load the model with weights "f32", and arithmetic "f32", to train it.',
  });
}

/** Checks the options of a run on a loaded model. Throws ArgumentError. */
export function checkTrainOptions(options: TrainOptions, { config, info }: LoadedModel): TrainSettings {
  checkOptionNames(options, optionNames);
  if (options.validation !== undefined) checkOptionNames(options.validation, validationNames, "validation");
  const { sliceTokens } = info.schedule;
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
  checkWhole("validation.every", options.validation?.every, 1, {
    least: 1,
    remedy: "It is the number of steps from one validation to the next.",
  });
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

function checkSchedule(schedule: LearningRateSchedule): LearningRateSchedule {
  checkOptionNames(schedule, scheduleNames, "schedule");
  const { peak, warmupSteps, decay, final } = schedule;
  checkReal("schedule.peak", peak ?? Number.NaN, 0, {
    least: 0,
    most: MOST_RATE,
    remedy: "It is the highest learning rate; around 1e-3 is usual for small models.",
  });
  checkReal("schedule.warmupSteps", warmupSteps, 0, {
    least: 0,
    remedy: "It is the number of steps over which the rate rises to its peak.",
  });
  checkReal("schedule.final", final, 0, {
    least: 0,
    most: MOST_RATE,
    remedy: "It is the learning rate of the last step; a tenth of the peak is usual.",
  });
  checkChoice("schedule.decay", decay, "cosine", decays);
  return schedule;
}
