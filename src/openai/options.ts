// The options of a handler, checked and with defaults filled in.
import { ArgumentError } from "../errors.js";
import { toolFormats, type ToolFormat } from "../answer/forms/find-form.js";
import { checkChoice, checkWhole } from "../util/check.js";
import { checkOptionNames, type OptionNames } from "../util/option-names.js";

/** What a handler refuses, or has wait. */
export interface HandlerLimits {
  /** The most bytes of a request's body. Default: 10 MiB. Larger ones get 413. */
  readonly bodyBytes?: number;
  /** The most tokens of all texts in a request, without those that a chat template adds. Default: what the model has room for. */
  readonly promptTokens?: number;
  /** How many answers are computed at once, over all models. Default: 64. Others wait. */
  readonly concurrent?: number;
  /** How many requests may wait. Default: 256. Others get 429, with Retry-After. */
  readonly queue?: number;
}

/** What is known of a request when its answer is complete. It holds nothing of what was asked or answered. */
export interface RequestRecord {
  readonly method: string;
  /** The path of the route, without what follows "?". */
  readonly path: string;
  readonly status: number;
  /** Undefined where no model was asked. */
  readonly model?: string;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  /** Milliseconds until the first text of the answer, and until its end. */
  readonly firstTextMs?: number;
  readonly totalMs: number;
  /** What went wrong, where it is not the client's fault or the client has gone. */
  readonly error?: Error;
}

/** How a handler answers. */
export interface HandlerOptions {
  /** Keys of which a request to /v1 needs one, as "Authorization: Bearer KEY". Default: none is needed. */
  readonly apiKeys?: readonly string[];
  /** Origins whose pages may call, or "*" for all. Default: none, as browsers have it by themselves. */
  readonly cors?: string | readonly string[];
  readonly limits?: HandlerLimits;
  /** Milliseconds after which a request is ended. Default: never. */
  readonly timeoutMs?: number;
  /** How models write calls of functions, where their chat template does not tell. */
  readonly toolFormat?: ToolFormat;
  /** Called when the answer to a request is complete. */
  readonly onRequest?: (record: RequestRecord) => void;
}

/** The options with defaults. */
export interface Settings {
  readonly apiKeys: readonly string[];
  readonly cors: readonly string[];
  readonly bodyBytes: number;
  readonly promptTokens: number;
  readonly concurrent: number;
  readonly queue: number;
  readonly timeoutMs: number;
  readonly toolFormat: ToolFormat | undefined;
  readonly onRequest: (record: RequestRecord) => void;
}

const optionNames: OptionNames<HandlerOptions> = {
  apiKeys: true,
  cors: true,
  limits: true,
  timeoutMs: true,
  toolFormat: true,
  onRequest: true,
};

const limitNames: OptionNames<HandlerLimits> = {
  bodyBytes: true,
  promptTokens: true,
  concurrent: true,
  queue: true,
};

/** Timers take no longer ones. */
const MOST_MS = 2 ** 31 - 1;

/** @throws ArgumentError. */
export function checkOptions(options: HandlerOptions): Settings {
  checkOptionNames(options, optionNames);
  const { limits = {}, apiKeys = [], cors = [] } = options;
  checkOptionNames(limits, limitNames, "limits");
  return {
    apiKeys: checkTexts("apiKeys", apiKeys),
    cors: checkTexts("cors", [cors].flat()),
    bodyBytes: checkWhole("limits.bodyBytes", limits.bodyBytes, 10 * 2 ** 20, { least: 1 }),
    promptTokens: checkWhole("limits.promptTokens", limits.promptTokens, undefined, { least: 1 }) ?? Infinity,
    concurrent: checkWhole("limits.concurrent", limits.concurrent, 64, { least: 1 }),
    queue: checkWhole("limits.queue", limits.queue, 256, { least: 0 }),
    timeoutMs: checkWhole("timeoutMs", options.timeoutMs, undefined, { least: 1, most: MOST_MS }) ?? Infinity,
    toolFormat:
      options.toolFormat === undefined
        ? undefined
        : checkChoice("toolFormat", options.toolFormat, "tags", toolFormats),
    onRequest: options.onRequest ?? (() => undefined),
  };
}

/** An empty key would let everybody in who sends an empty one. */
function checkTexts(argument: string, texts: readonly string[]): readonly string[] {
  if (Array.isArray(texts) && texts.every((text) => typeof text === "string" && text !== "")) return texts;
  throw new ArgumentError({ argument, expected: "texts that are not empty", received: texts });
}
