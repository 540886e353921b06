// Asks a handler of OpenAI's API for the answer to one request. It knows neither files nor queues.
import type { Handler } from "../../openai/index.js";
import { isRecord } from "../../util/json-value.js";
import type { BatchRequest } from "./batch-request.js";

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** Whether the same request may be answered better another time. */
  readonly mayRetry: boolean;
  /** Whether the model could not be asked at all. */
  readonly isModelGone: boolean;
}

/** @throws The signal's reason if it is aborted before the answer is complete. */
export async function answerRequest(
  handler: Handler,
  request: BatchRequest,
  signal: AbortSignal,
): Promise<Answer> {
  const response = await handler(
    new Request(`http://weft.batch${request.url}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(withSeed(request)),
      signal,
    }),
  );
  const body: unknown = await response.json();
  const { status } = response;
  if (status >= 400) signal.throwIfAborted();
  return {
    status,
    body,
    // OpenAI's clients go by this header too.
    mayRetry: (status === 429 || status >= 500) && response.headers.get("x-should-retry") !== "false",
    isModelGone: status === 503 && isRecord(body) && codeOf(body) === "model_unavailable",
  };
}

/** The message of a body that says what went wrong. */
export function problemOf({ status, body }: Pick<Answer, "status" | "body">): string {
  const error = isRecord(body) ? body["error"] : undefined;
  const message = isRecord(error) && typeof error["message"] === "string" ? error["message"] : "no answer";
  return `status ${status}: ${message}`;
}

const codeOf = ({ error }: Readonly<Record<string, unknown>>): unknown =>
  isRecord(error) ? error["code"] : undefined;

/** Routes whose requests may have a seed. */
const seeded: readonly string[] = ["/v1/chat/completions", "/v1/completions"];

/** Where the caller set no seed, it follows from the request: whoever answers it, and however often, the answer is the same. */
function withSeed({ id, url, body }: BatchRequest): object {
  if (!seeded.includes(url) || (body["seed"] ?? undefined) !== undefined) return body;
  return { ...body, seed: Number.parseInt(id.slice(0, 7), 16) };
}
