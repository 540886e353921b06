// The options of `npm run generate`: what may be written after "--", and what each becomes.
import {
  checkReal,
  checkWhole,
  flag,
  fromCaller,
  OptionError,
  readOptions,
  runtimeHelp,
  usage,
  word,
  words,
} from "../terminal/option-values.js";
import {
  chooseModel,
  chooseRuntime,
  expectTokenizer,
  modelHelp,
  modelOptions,
  type ModelChoice,
} from "../terminal/model-choice.js";
import type { Runtime } from "../browser/run-module.js";
import type { WriteOptions } from "../../jobs/write.js";

export interface GenerateCommand {
  readonly help: boolean;
  /** Undefined: what is piped into the command. */
  readonly prompt: string | undefined;
  readonly model: ModelChoice;
  /** How many texts are written at once. */
  readonly count: number;
  readonly queues: number;
  /** How keys and values are stored. */
  readonly cache: "f32" | "f16";
  readonly runtime: Runtime;
  readonly options: WriteOptions;
  /** The file for all results, as JSON. */
  readonly json: string | undefined;
}

export const helpText: string = `Continues a text with a language model on WebGPU, as it is written.

Usage: ${usage("generate")} "Once upon a time" [options]     ("-", or none where one is piped in: the text of standard input)

${modelHelp}
  --max-tokens N          the most tokens to write (default: the model's, or what its context allows)
  --temperature X         0 takes the likeliest token; more is more varied (default: the model's)
  --top-k K               only the K likeliest tokens; 0 is all (default: the model's)
  --top-p P               only the likeliest tokens that make up the share P (default: the model's)
  --min-p P               only tokens P times as likely as the likeliest, or more (default: the model's)
  --repetition-penalty X  above 1 avoids tokens that occurred (default: the model's)
  --seed N                the same seed writes the same text (default: a random one, which is printed)
  --stop "…"              end before this text; may be repeated
  --count N               write N texts at once, with seeds from the given one on, 1 to 256 (default 1)
  --queues N              GPU queues, 1 to 8 (default 1)
  --cache f16             keep keys and values in f16, in half the memory (default f32)
${runtimeHelp}
  --json FILE             also write everything as JSON
  --help                  print this

Where the output is no terminal, it is the text alone, and everything else goes to standard error.
Ctrl-C ends the text where it is. WEFT_CHROMIUM names the browser, WEFT_BROWSER_FLAGS gives it more flags.`;

/** `hasInput`: whether a text may be piped in. @throws OptionError. */
export function parseGenerateOptions(args: readonly string[], hasInput: boolean = false): GenerateCommand {
  const { values, positionals } = readOptions(args, known, true);
  const help = values.help ?? false;
  const [given = hasInput ? "-" : "", ...others] = positionals;
  if (!help && given === "") throw missingPrompt();
  if (others.length > 0) throw new OptionError(`expected one text, in quotes, received also "${others[0]}"`);
  if (values.stop?.includes("")) throw new OptionError("--stop: expected a text, received an empty one");
  const sampling = {
    maxTokens: checkWhole("--max-tokens", values["max-tokens"], { least: 1 }),
    temperature: checkReal("--temperature", values.temperature, { least: 0, most: 100 }),
    topK: checkWhole("--top-k", values["top-k"], { least: 0 }),
    topP: checkReal("--top-p", values["top-p"], { least: 0, most: 1, isAbove: true }),
    minP: checkReal("--min-p", values["min-p"], { least: 0, most: 1 }),
    repetitionPenalty: checkReal("--repetition-penalty", values["repetition-penalty"], {
      least: 0.01,
      most: 100,
    }),
    stop: values.stop,
  };
  const chosen = Object.entries(sampling).filter(([, value]) => value !== undefined);
  const model = expectTokenizer(chooseModel(values));
  return {
    help,
    prompt: given === "-" ? undefined : given,
    model,
    count: checkWhole("--count", values.count, { least: 1, most: 256 }) ?? 1,
    queues: checkWhole("--queues", values.queues, { least: 1, most: 8 }) ?? 1,
    cache: checkCache(values.cache),
    runtime: chooseRuntime(values.runtime, model),
    options: {
      ...(Object.fromEntries(chosen) as Omit<WriteOptions, "seed">),
      seed: checkWhole("--seed", values.seed, { least: 0, most: MAX_SEED }) ?? randomSeed(),
    },
    json: values.json === undefined ? undefined : fromCaller(values.json),
  };
}

export function missingPrompt(): OptionError {
  return new OptionError(`expected a text to continue, as in: ${usage("generate")} "Once upon a time"`);
}

const known = {
  help: flag,
  ...modelOptions,
  "max-tokens": word,
  temperature: word,
  "top-k": word,
  "top-p": word,
  "min-p": word,
  "repetition-penalty": word,
  seed: word,
  stop: words,
  count: word,
  queues: word,
  cache: word,
  runtime: word,
  json: word,
} as const;

function checkCache(value: string = "f32"): "f32" | "f16" {
  if (value === "f32" || value === "f16") return value;
  throw new OptionError(`--cache: expected f32 or f16, received ${JSON.stringify(value)}`);
}

/** Further texts use the following seeds, which have to be safe integers too. */
const MAX_SEED = Number.MAX_SAFE_INTEGER - 256;

/** Short enough to type again. */
function randomSeed(): number {
  return Math.floor(1e6 * Math.random());
}
