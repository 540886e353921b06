// The options of `weft batch`: which requests are answered, by which models, and where.
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

/** A queue on Redis. */
export interface QueuePlace {
  readonly url: string;
  readonly name: string;
}

/** Answers a file here. */
export interface FileTask {
  readonly kind: "file";
  readonly models: BatchModels;
  readonly input: string;
  readonly results: ResultPaths;
  readonly attempts: number;
}

/** Answers what is on a queue, until it is asked to end. */
export interface WorkTask {
  readonly kind: "work";
  readonly models: BatchModels;
  readonly queue: QueuePlace;
  readonly leaseMs: number;
  readonly drainMs: number;
  /** Where /health and /metrics are served. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  readonly isJson: boolean;
}

/** Puts a file on a queue, and collects the results if they are to go anywhere. */
export interface SendTask {
  readonly kind: "send";
  readonly queue: QueuePlace;
  readonly input: string;
  readonly results: ResultPaths | undefined;
  readonly attempts: number;
}

/** Takes a file from a queue again. */
export interface CancelTask {
  readonly kind: "cancel";
  readonly queue: QueuePlace;
  readonly input: string;
}

export type BatchTask = { readonly kind: "help" } | FileTask | WorkTask | SendTask | CancelTask;

export const helpText: string = `Answers the requests of an OpenAI batch file, many at once, on WebGPU in this process or by workers on many machines.

Usage: ${usage("batch")} [MODEL …] --input FILE --output FILE [options]     answers a file here
       ${usage("batch")} [MODEL …] --redis URL [options]                    a worker: answers what is on a queue
       ${usage("batch")} --redis URL --input FILE [--output FILE]           puts a file on the queue, and collects the answers
       ${usage("batch")} --redis URL --input FILE --cancel                  takes it from the queue again

A line of the input is {"custom_id": "…", "method": "POST", "url": "/v1/…", "body": {…}}, with the url of chat/completions,
completions, responses, embeddings or rerank. A line of the output is {"id", "custom_id", "response", "error"}, as soon as the
request is answered. A command that was interrupted goes on where it was when it is given again: Ctrl-C or SIGTERM ends it
at once, and what was answered is kept. A worker ends what it has begun.

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
  --redis URL             the Redis that has the queue, such as redis://127.0.0.1:6379; needs: npm install bullmq ioredis
  --queue NAME            the name of the queue (default weft)
  --cancel                take the requests of the input from the queue, but for those that are being answered
  --lease SECONDS         of a worker: how long it may be silent before others take its requests, 2 to 3600 (default 30)
  --drain SECONDS         of a worker: how long answers may go on when it is asked to end (default 30)
  --port N                of a worker: serve /health and /metrics at this port; 0 is any that is free (default: none)
  --host NAME             of a worker: the address of that port (default 127.0.0.1: this machine only)
  --json                  of a worker: write what happens as JSON, a line for each event, without texts of requests
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
  redis: word,
  queue: word,
  cancel: flag,
  lease: word,
  drain: word,
  port: word,
  host: word,
  json: flag,
} as const;

type Values = ReturnType<typeof readOptions<typeof known, true>>["values"];
type Name = keyof typeof known;

const ofModels: readonly Name[] = [
  "file",
  "revision",
  "concurrency",
  "timeout",
  "tool-format",
  "queues",
  "cache",
];
const ofWorkers: readonly Name[] = ["lease", "drain", "port", "host", "json"];

/** Timers take no longer ones. */
const MOST_SECONDS = 2_000_000;

/** @throws OptionError. */
export function parseBatchOptions(args: readonly string[]): BatchTask {
  const { values, positionals } = readOptions(args, known, true);
  if (values.help) return { kind: "help" };
  if (values.redis === undefined) return readFileTask(values, positionals);
  const queue = readQueue(values.redis, values.queue);
  if (values.input === undefined) return readWorkTask(values, positionals, queue);
  refuse(values, [...ofModels, ...ofWorkers], "is for workers, which take no --input");
  if (positionals.length > 0)
    throw new OptionError(
      `MODEL: expected none beside --redis and --input, as workers have the models, received "${positionals[0]}"`,
    );
  const input = fromCaller(values.input);
  if (values.cancel) {
    refuse(values, ["output", "errors", "attempts"], "is not for --cancel");
    return { kind: "cancel", queue, input };
  }
  if (values.output === undefined) refuse(values, ["errors"], "needs --output beside it");
  const results = values.output === undefined ? undefined : readPaths(input, values.output, values.errors);
  return { kind: "send", queue, input, results, attempts: readAttempts(values) };
}

function readFileTask(values: Values, positionals: readonly string[]): FileTask {
  refuse(values, ["queue", "cancel", ...ofWorkers], "needs --redis beside it");
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

function readWorkTask(values: Values, positionals: readonly string[], queue: QueuePlace): WorkTask {
  refuse(values, ["output", "errors", "attempts", "cancel"], "needs --input beside it");
  const port = checkWhole("--port", values.port, { least: 0, most: 65535 });
  if (port === undefined) refuse(values, ["host"], "needs --port beside it");
  const seconds = (name: "lease" | "drain", least: number, most: number): number =>
    Math.ceil(1000 * (checkReal(`--${name}`, values[name], { least, most }) ?? 30));
  return {
    kind: "work",
    models: readBatchModels(values, positionals),
    queue,
    leaseMs: seconds("lease", 2, 3600),
    drainMs: seconds("drain", 0, MOST_SECONDS),
    listen: port === undefined ? undefined : { host: values.host ?? "127.0.0.1", port },
    isJson: values.json ?? false,
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

function readQueue(url: string, name: string = "weft"): QueuePlace {
  // The URL is not shown: it may have a password.
  if (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol))
    throw new OptionError("--redis: expected a URL such as redis://127.0.0.1:6379, received another text");
  // BullMQ has ":" between the parts of its keys.
  if (name === "" || name.includes(":"))
    throw new OptionError(`--queue: expected a name without ":", received "${name}"`);
  return { url, name };
}

function refuse(values: Values, names: readonly Name[], because: string): void {
  const given = names.find((name) => values[name] !== undefined);
  if (given) throw new OptionError(`--${given}: it ${because}`);
}
