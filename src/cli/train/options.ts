// The options of `npm run train`: what may be written after "--", and what each becomes.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { LearningRateSchedule, OptimizerOptions } from "../../index.js";
import {
  checkChoice,
  checkReal,
  checkWhole,
  flag,
  fromCaller,
  OptionError,
  readOptions,
  runtimeHelp,
  usage,
  word,
} from "../terminal/option-values.js";
import {
  chooseModel,
  chooseRuntime,
  expectTokenizer,
  isGgufPath,
  isHubModel,
  modelHelp,
  modelOptions,
  type ModelChoice,
  type ModelOptionValues,
} from "../terminal/model-choice.js";
import type { Runtime } from "../browser/run-module.js";

export interface FreshShape {
  readonly layers: number;
  readonly heads: number;
  readonly channels: number;
  readonly contextLength: number;
}

export interface TrainCommand {
  readonly help: boolean;
  readonly runtime: Runtime;
  readonly data: string;
  /** The folder for everything that is written. */
  readonly out: string;
  readonly model: ModelChoice;
  /** The shape of a new model with random weights, which gets the tokenizer of `model`. */
  readonly fresh: FreshShape | undefined;
  readonly validation: string | undefined;
  readonly holdOut: number;
  /** The number of steps between two validations and checkpoints. */
  readonly every: number;
  readonly resume: string | undefined;
  readonly queues: number;
  readonly json: string | undefined;
  readonly options: TrainChoices;
}

/** Options that are passed on to `model.train`: JSON. */
export interface TrainChoices {
  readonly steps: number;
  readonly batchTokens: number;
  readonly accumulate: number;
  readonly shares: number;
  readonly seed: number;
  readonly sliceTokens?: number;
  readonly recompute: boolean;
  readonly schedule: LearningRateSchedule;
  readonly optimizer: OptimizerOptions;
}

export const helpText: string = `Trains a language model on WebGPU.

Usage: ${usage("train")} --data FILE --out DIR [options]

  --data FILE             texts: a .json array of strings or of objects with "text", "story" or "prompt"; a .jsonl file
                          of these, one per line; any other file is text, with a blank line between texts
  --out DIR               gets config.json, model.safetensors, the tokenizer, train_log.json, checkpoint.safetensors
${modelHelp}
  --fresh                 start from random weights, with the tokenizer of the model, in this shape:
  --layers N --heads N --channels N --context N   (default 2, 4, 64 and 64)
  --steps N               steps of the whole run (default 200)
  --batch-tokens N        tokens per step: whole texts until they hold as many, at least one per share (default 1024)
  --accumulate N          batches whose gradients are added up before each step (default 1)
  --shares N              parts of a batch, each the work of one queue (default 2)
  --rate X                the highest learning rate (default 0.001)
  --warmup N              steps over which the rate rises to it (default: a tenth of the steps)
  --decay NAME            cosine, linear or constant: how the rate falls to a tenth (default cosine)
  --optimizer NAME        adamw or sgd, with momentum 0.9 (default adamw)
  --weight-decay X        of matrices and embeddings (default 0.1; sgd 0)
  --clip X                the largest norm of a gradient (default 1)
  --seed N                decides the order of the data and, with --fresh, the weights (default 0)
  --validation FILE       texts that are not trained on, whose loss is measured
  --hold-out N            instead: the last N texts of the data
  --every N               steps from one validation and checkpoint to the next (default: a tenth of the steps)
  --resume FILE           go on from this checkpoint, with the data and options of its run; the model is that of the
                          checkpoint's folder, where --model and --fresh name no other
  --recompute             form activations again in the backward pass instead of keeping them: less memory, more work
  --queues N              GPU queues, 1 to 8, at most as many as shares (default 1)
  --slice K               k: tokens per slice (default 16, or the context where that is less)
${runtimeHelp}
  --json FILE             also write the log of all steps there
  --help                  print this

The same data and options give the same weights on the same adapter. Ctrl-C, SIGTERM or a closed terminal end the run after
the step it is in, with a checkpoint to go on from. WEFT_CHROMIUM names the browser, WEFT_BROWSER_FLAGS gives it more flags.`;

/** @throws OptionError. */
export function parseTrainOptions(args: readonly string[]): TrainCommand {
  const { values } = readOptions(args, known);
  const help = values.help ?? false;
  const whole = (name: keyof typeof known, missing: number, least = 1, most?: number): number =>
    checkWhole(`--${name}`, values[name] as string | undefined, most ? { least, most } : { least }) ??
    missing;
  const real = (name: keyof typeof known, most: number): number | undefined =>
    checkReal(`--${name}`, values[name] as string | undefined, { least: 0, most });
  if (!help) for (const name of ["data", "out"] as const) if (!values[name]) throw missingOption(name);
  if (values.validation !== undefined && values["hold-out"] !== undefined)
    throw new OptionError("expected --validation or --hold-out, received both");
  const steps = whole("steps", 200);
  const shares = whole("shares", 2, 1, 64);
  const resume = checkFile("--resume", values.resume);
  const slice = values.slice === undefined ? undefined : whole("slice", 16);
  const model = readModel(values, resume);
  return {
    help,
    runtime: chooseRuntime(values.runtime, model),
    data: checkFile("--data", values.data) ?? "",
    out: fromCaller(values.out ?? ""),
    model,
    fresh: readShape(values.fresh ?? false, values, whole),
    validation: checkFile("--validation", values.validation),
    holdOut: whole("hold-out", 0, 0),
    every: whole("every", Math.max(1, Math.ceil(steps / 10))),
    resume,
    queues: whole("queues", 1, 1, Math.min(8, shares)),
    json: values.json === undefined ? undefined : fromCaller(values.json),
    options: {
      steps,
      shares,
      batchTokens: whole("batch-tokens", 1024, 1, 1e7),
      accumulate: whole("accumulate", 1, 1, 1000),
      seed: whole("seed", 0, 0),
      ...(slice === undefined ? {} : { sliceTokens: slice }),
      recompute: values.recompute ?? false,
      schedule: {
        peak: real("rate", 100) ?? 1e-3,
        warmupSteps: whole("warmup", Math.ceil(steps / 10), 0),
        decay: checkChoice("--decay", values.decay, ["cosine", "linear", "constant"]),
      },
      optimizer: readOptimizer(checkChoice("--optimizer", values.optimizer, ["adamw", "sgd"]), {
        weightDecay: real("weight-decay", 1000),
        clipNorm: real("clip", 1e30),
      }),
    },
  };
}

const known = {
  help: flag,
  data: word,
  out: word,
  ...modelOptions,
  fresh: flag,
  layers: word,
  heads: word,
  channels: word,
  context: word,
  steps: word,
  "batch-tokens": word,
  accumulate: word,
  shares: word,
  rate: word,
  warmup: word,
  decay: word,
  optimizer: word,
  "weight-decay": word,
  clip: word,
  seed: word,
  validation: word,
  "hold-out": word,
  every: word,
  resume: word,
  recompute: flag,
  queues: word,
  slice: word,
  runtime: word,
  json: word,
} as const;

const shapeOptions = ["layers", "heads", "channels", "context"] as const;

function readShape(
  isFresh: boolean,
  values: Readonly<Partial<Record<keyof typeof known, unknown>>>,
  whole: (name: keyof typeof known, missing: number) => number,
): FreshShape | undefined {
  if (!isFresh) {
    const given = shapeOptions.find((name) => values[name] !== undefined);
    if (given) throw new OptionError(`--${given} is the shape of a new model: expected --fresh with it`);
    return undefined;
  }
  const channels = whole("channels", 64);
  const heads = whole("heads", 4);
  if (channels % heads !== 0)
    throw new OptionError(`--heads: expected a divisor of the ${channels} channels, received "${heads}"`);
  return { layers: whole("layers", 2), heads, channels, contextLength: whole("context", 64) };
}

function readOptimizer(
  kind: "adamw" | "sgd",
  given: { readonly weightDecay: number | undefined; readonly clipNorm: number | undefined },
): OptimizerOptions {
  const { weightDecay, clipNorm = 1 } = given;
  const own = { clipNorm, ...(weightDecay === undefined ? {} : { weightDecay }) };
  return kind === "adamw" ? { kind, ...own } : { kind, momentum: 0.9, ...own };
}

/** The model to start from. @throws OptionError. */
function readModel(
  { model, revision, file, fresh = false }: ModelOptionValues & { readonly fresh?: boolean | undefined },
  resume: string | undefined,
): ModelChoice {
  const given = model ?? modelBeside(resume, fresh);
  const choice = expectTokenizer(chooseModel({ model: given, revision, file }));
  if (fresh && (isHubModel(choice) || (choice !== undefined && isGgufPath(choice))))
    throw new OptionError(
      `--fresh: expected a folder whose tokenizer the new model gets, received --model ${given}`,
    );
  return choice;
}

/** The folder of a checkpoint, if it has a model too. */
function modelBeside(checkpoint: string | undefined, isFresh: boolean): string | undefined {
  if (checkpoint === undefined || isFresh) return undefined;
  const folder = dirname(checkpoint);
  return existsSync(join(folder, "config.json")) ? folder : undefined;
}

function checkFile(option: string, given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  const file = fromCaller(given);
  if (existsSync(file)) return file;
  throw new OptionError(`${option}: there is no file ${file}`);
}

function missingOption(name: string): OptionError {
  return new OptionError(`expected --${name}, as in: ${usage("train")} --data stories.txt --out out/model`);
}
