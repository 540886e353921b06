// What a training run may be told, checked.
import { fences, type Fence } from "../../plan/vocabulary.js";
import { checkChoice, checkReal, checkWhole } from "../../util/check.js";
import type { LoadedModel } from "../load/loaded-model.js";
import { decays, type LearningRateSchedule } from "./learning-rate.js";
import { checkOptimizer, type CheckedOptimizer, type OptimizerOptions } from "./optimizer-options.js";

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

/** Short enough for little memory for logits, long enough for few tasks. */
const USUAL_SLICE_TOKENS = 16;

/** Options without gaps. */
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

/** Checks the options of a run on a loaded model. Throws ArgumentError. */
export function checkTrainOptions(options: TrainOptions, { config, info }: LoadedModel): TrainSettings {
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
