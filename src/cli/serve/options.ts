// The options of `weft serve`: which models are served, to whom, and with which limits.
import type { HandlerLimits, ToolFormat } from "../../openai/index.js";
import type { PlacedModel } from "../terminal/model-choice.js";
import { namedModelHelp, readNamedModels } from "../terminal/named-models.js";
import {
  checkChoice,
  checkReal,
  checkWhole,
  flag,
  OptionError,
  readOptions,
  usage,
  word,
  words,
} from "../terminal/option-values.js";

export interface ServeCommand {
  readonly help: boolean;
  /** By the names that clients ask for. */
  readonly models: ReadonlyMap<string, PlacedModel>;
  readonly queues: number;
  /** How keys and values are stored. */
  readonly cache: "f32" | "f16";
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly apiKeys: readonly string[];
  readonly cors: readonly string[];
  readonly limits: HandlerLimits;
  readonly timeoutMs: number | undefined;
  readonly toolFormat: ToolFormat | undefined;
  /** How long answers may go on when the server is asked to end. */
  readonly drainMs: number;
  /** Whether what happens is written as JSON, a line for each event. */
  readonly isJson: boolean;
}

export const helpText: string = `Serves models as OpenAI's API does, on WebGPU in this process.

Usage: ${usage("serve")} [MODEL …] [options]

${namedModelHelp}
  --host NAME             the address to listen at (default 127.0.0.1: this machine only)
  --port N                the port; 0 is any that is free (default 8000)
  --api-key KEY           clients need this key, or another that is given so (also: WEFT_API_KEY)
  --cors ORIGIN           pages of this origin may call, or of all with "*"; may be repeated (default none)
  --concurrent N          answers that are computed at once, 1 to 256 (default 64); others wait
  --queue N               requests that may wait (default 256); others get 429
  --max-body BYTES        the largest body of a request (default 10485760)
  --max-prompt-tokens N   the most tokens of the texts of a request (default: what the model has room for)
  --timeout SECONDS       ends requests that take longer (default: never)
  --drain SECONDS         how long answers may go on when the server is asked to end (default 30)
  --tool-format NAME      how the models write calls of tools, if their templates do not tell: tags, object, list or code
  --queues N              GPU queues of each model, 1 to 8 (default 1)
  --cache f16             keep keys and values in f16, in half the memory (default f32)
  --json                  write what happens as JSON, a line for each event, without texts of requests
  --help                  print this

Routes: /v1/chat/completions, /v1/completions, /v1/responses, /v1/embeddings, /v1/rerank, /v1/models, /health, /metrics.
Ctrl-C or SIGTERM ends it when the answers that are being written are complete; a second one, at once.`;

const known = {
  help: flag,
  file: word,
  revision: word,
  host: word,
  port: word,
  "api-key": words,
  cors: words,
  concurrent: word,
  queue: word,
  "max-body": word,
  "max-prompt-tokens": word,
  timeout: word,
  drain: word,
  "tool-format": word,
  queues: word,
  cache: word,
  json: flag,
} as const;

/** Timers take no longer ones. */
const MOST_SECONDS = 2_000_000;

/** @throws OptionError. */
export function parseServeOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ServeCommand {
  const { values, positionals } = readOptions(args, known, true);
  const timeout = checkReal("--timeout", values.timeout, { least: 0, most: MOST_SECONDS, isAbove: true });
  const drain = checkReal("--drain", values.drain, { least: 0, most: MOST_SECONDS }) ?? 30;
  const limits = {
    concurrent: checkWhole("--concurrent", values.concurrent, { least: 1, most: 256 }),
    queue: checkWhole("--queue", values.queue, { least: 0 }),
    bodyBytes: checkWhole("--max-body", values["max-body"], { least: 1 }),
    promptTokens: checkWhole("--max-prompt-tokens", values["max-prompt-tokens"], { least: 1 }),
  };
  return {
    help: values.help ?? false,
    models: readNamedModels(positionals, values),
    queues: checkWhole("--queues", values.queues, { least: 1, most: 8 }) ?? 1,
    cache: checkChoice("--cache", values.cache, ["f32", "f16"]),
    host: values.host ?? "127.0.0.1",
    port: checkWhole("--port", values.port, { least: 0, most: 65535 }) ?? 8000,
    apiKeys: readKeys(values["api-key"], environment["WEFT_API_KEY"]),
    cors: values.cors ?? [],
    limits: Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined)),
    timeoutMs: timeout === undefined ? undefined : Math.ceil(1000 * timeout),
    toolFormat:
      values["tool-format"] === undefined
        ? undefined
        : checkChoice<ToolFormat>("--tool-format", values["tool-format"], ["tags", "object", "list", "code"]),
    drainMs: Math.ceil(1000 * drain),
    isJson: values.json ?? false,
  };
}

/** Keys of the command line, or that of the environment, which other users of the machine do not see. */
function readKeys(
  given: readonly string[] | undefined,
  fromEnvironment: string | undefined,
): readonly string[] {
  const keys = given ?? (fromEnvironment === undefined ? [] : [fromEnvironment]);
  // A key that is empty would look like protection, and be none.
  if (keys.includes(""))
    throw new OptionError(`${given ? "--api-key" : "WEFT_API_KEY"}: expected a key, received an empty text`);
  return keys;
}
