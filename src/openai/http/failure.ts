// What a request that fails is answered: OpenAI's shape of an error, and the status for every kind of failure.
import type { ArgumentError } from "../../errors.js";

export interface FailureDetails {
  readonly status: number;
  readonly message: string;
  /** Default: by the status. */
  readonly type?: string;
  /** The field that is at fault. */
  readonly param?: string;
  /** For programs. */
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** A client that has gone. No client sees this status: nginx has it in its logs. */
export const CLIENT_CLOSED = 499;

/** Ends a request, and becomes its answer. */
export class ApiFailure extends Error {
  override name = "ApiFailure";
  readonly status: number;
  readonly code: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly #details: FailureDetails;

  constructor(details: FailureDetails) {
    super(details.message, { cause: details.cause });
    this.status = details.status;
    this.code = details.code;
    this.headers = details.headers ?? {};
    this.#details = details;
  }

  /** As OpenAI writes it. */
  get body(): object {
    const { message, type = typeOf(this.status), param = null, code = null } = this.#details;
    return { error: { message, type, param, code } };
  }

  toResponse(): Response {
    return Response.json(this.body, { status: this.status, headers: this.headers });
  }
}

/** A field that cannot be used. */
export function badField(param: string, message: string, code?: string): ApiFailure {
  return new ApiFailure({ status: 400, message, param, ...(code === undefined ? {} : { code }) });
}

function typeOf(status: number): string {
  if (status === 401) return "authentication_error";
  if (status === 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

/** Fields by the names that weft has for them. */
const fieldNames: Readonly<Record<string, string>> = {
  maxTokens: "max_completion_tokens",
  topP: "top_p",
  topK: "top_k",
  minP: "min_p",
  minTokens: "min_tokens",
  frequencyPenalty: "frequency_penalty",
  presencePenalty: "presence_penalty",
  repetitionPenalty: "repetition_penalty",
  logitBias: "logit_bias",
  templateVariables: "chat_template_kwargs",
  responseFormat: "response_format",
  toolChoice: "tool_choice",
};

/**
 * The failure that an error of weft's is to a client. What is the caller's fault says so; of what is not, nothing is passed on but
 * what weft's own errors say. `prompt`: the field in which the prompt came.
 */
export function failureOf(error: unknown, prompt: string): ApiFailure {
  if (error instanceof ApiFailure) return error;
  // By names: the classes may come from a copy of weft in another bundle.
  const name = error instanceof Error ? error.name : "";
  const message = error instanceof Error ? error.message : String(error);
  if (name === "ArgumentError") return badArgument(error as ArgumentError, prompt);
  // Chat templates refuse conversations of other forms than they know.
  if (name === "FormatError") return new ApiFailure({ status: 400, message, param: prompt, cause: error });
  if (name === "CancelledError")
    return new ApiFailure({ status: CLIENT_CLOSED, message, code: "request_cancelled", cause: error });
  if (isModelFailure(error))
    return new ApiFailure({ status: 503, message, code: "model_unavailable", cause: error });
  return new ApiFailure({
    status: 500,
    message: "The server failed in a way that it does not expect.",
    code: "internal_error",
    cause: error,
  });
}

const modelFailures = ["DeviceError", "DisposedError", "WorkerError", "GenerationInterruptedError"];

/** Whether the model cannot answer, whatever it is asked. */
export function isModelFailure(error: unknown): boolean {
  return error instanceof Error && modelFailures.includes(error.name);
}

function badArgument(error: ArgumentError, prompt: string): ApiFailure {
  const { argument, message } = error;
  const [root = argument] = argument.split(/[[.]/);
  const isPrompt = ["prompt", "messages", "texts", "text", "ids", "sentences"].includes(root);
  const isTooLong = root === "prompt" && /tokens, so that/.test(error.expected);
  return badField(
    isPrompt ? prompt : (fieldNames[root] ?? root),
    message,
    isTooLong ? "context_length_exceeded" : undefined,
  );
}
