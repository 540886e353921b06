// The options of `weft batch`: which requests are answered, and by which models.
import type { ToolFormat } from "../../openai/index.js";
import type { PlacedModel } from "../terminal/model-choice.js";
import { namedModelHelp, readNamedModels } from "../terminal/named-models.js";
import {
  checkChoice,
  checkReal,
  checkWhole,
  flag,
  fromCaller,
  OptionError,
  readOptions,
  usage,
  word,
} from "../terminal/option-values.js";
import type { ResultPaths } from "./result-files.js";

/** What answers requests. */
export interface BatchModels {
  /** By the names that requests ask for. */
  readonly models: ReadonlyMap<string, PlacedModel>;
  readonly queues: number;
  readonly cache: "f32" | "f16";
  /** Requests that are answered at once. */
  readonly concurrency: number;
  readonly timeoutMs: number | undefined;
  readonly toolFormat: ToolFormat | undefined;
}

/** Answers a file here. */
export interface FileTask {
  readonly kind: "file";
  readonly models: BatchModels;
  readonly input: string;
  readonly results: ResultPaths;
  readonly attempts: number;
}

export type BatchTask = { readonly kind: "help" } | FileTask;

export const helpText: string = `Answers the requests of an OpenAI batch file, many at once, on WebGPU in this process.

Usage: ${usage("batch")} [MODEL …] --input FILE --output FILE [options]

A line of the input is {"custom_id": "…", "method": "POST", "url": "/v1/…", "body": {…}}, with the url of chat/completions,
completions, responses, embeddings or rerank. A line of the output is {"id", "custom_id", "response", "error"}, as soon as the
request is answered. A command that was interrupted goes on where it was when it is given again: Ctrl-C or SIGTERM ends it
at once, and what was answered is kept.

${namedModelHelp}
  --input FILE            the requests, as JSON lines
  --output FILE           the results, as JSON lines
  --errors FILE           the results of requests that failed (default: they are in the output too)
  --concurrency N         requests that are answered at once, 1 to 256 (default 64)
  --attempts N            how often a request is tried that fails by no fault of its own, 1 to 20 (default 3)
  --timeout SECONDS       ends requests that take longer (default: never)
  --tool-format NAME      how the models write calls of tools, if their templates do not tell: tags, object, list or code
  --queues N              GPU queues of each model, 1 to 8 (default 1)
  --cache f16             keep keys and values in f16, in half the memory (default f32)
  --help                  print this

Ends with 0 if all requests were answered, 3 if some failed, 2 if the options or the input can't be used, 1 if it can't go on.`;

const known = {
  help: flag,
  file: word,
  revision: word,
  input: word,
  output: word,
  errors: word,
  concurrency: word,
  attempts: word,
  timeout: word,
  "tool-format": word,
  queues: word,
  cache: word,
} as const;

type Values = ReturnType<typeof readOptions<typeof known, true>>["values"];

/** Timers take no longer ones. */
const MOST_SECONDS = 2_000_000;

/** @throws OptionError. */
export function parseBatchOptions(args: readonly string[]): BatchTask {
  const { values, positionals } = readOptions(args, known, true);
  if (values.help) return { kind: "help" };
  return readFileTask(values, positionals);
}

function readFileTask(values: Values, positionals: readonly string[]): FileTask {
  if (values.input === undefined || values.output === undefined)
    throw new OptionError(
      `expected --${values.input === undefined ? "input" : "output"} FILE, as in: ${usage("batch")} MODEL --input requests.jsonl --output results.jsonl`,
    );
  const input = fromCaller(values.input);
  return {
    kind: "file",
    models: readBatchModels(values, positionals),
    input,
    results: readPaths(input, values.output, values.errors),
    attempts: readAttempts(values),
  };
}

function readBatchModels(values: Values, positionals: readonly string[]): BatchModels {
  const timeout = checkReal("--timeout", values.timeout, { least: 0, most: MOST_SECONDS, isAbove: true });
  const toolFormat = values["tool-format"];
  return {
    models: readNamedModels(positionals, values),
    queues: checkWhole("--queues", values.queues, { least: 1, most: 8 }) ?? 1,
    cache: checkChoice("--cache", values.cache, ["f32", "f16"]),
    concurrency: checkWhole("--concurrency", values.concurrency, { least: 1, most: 256 }) ?? 64,
    timeoutMs: timeout === undefined ? undefined : Math.ceil(1000 * timeout),
    toolFormat:
      toolFormat === undefined
        ? undefined
        : checkChoice<ToolFormat>("--tool-format", toolFormat, ["tags", "object", "list", "code"]),
  };
}

const readAttempts = ({ attempts }: Values): number =>
  checkWhole("--attempts", attempts, { least: 1, most: 20 }) ?? 3;

/** A file that is written over would be lost. */
function readPaths(input: string, givenOutput: string, givenErrors: string | undefined): ResultPaths {
  const output = fromCaller(givenOutput);
  if (output === input)
    throw new OptionError(`--output: expected another file than the input, received ${output}`);
  if (givenErrors === undefined) return { output };
  const errors = fromCaller(givenErrors);
  if (errors === input || errors === output)
    throw new OptionError(
      `--errors: expected another file than the input and the output, received ${errors}`,
    );
  return { output, errors };
}
