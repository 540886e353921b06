// A request of a batch: what a line of OpenAI's batch files says, checked. It knows neither files nor queues, nor what the fields of a
// body mean. platform.openai.com/docs/api-reference/batch/request-input
import { createHash } from "node:crypto";
import { isRecord, showJson } from "../../util/json-value.js";

/** Routes that answer a request with one JSON object. */
export const batchUrls = [
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/responses",
  "/v1/embeddings",
  "/v1/rerank",
] as const;
export type BatchUrl = (typeof batchUrls)[number];

export interface BatchRequest {
  /** Follows from all the rest: the same request has the same id, whoever answers it, and whenever. */
  readonly id: string;
  /** The caller's own name for it. */
  readonly customId: string;
  readonly url: BatchUrl;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A value that is no request of a batch. The message says what was expected, and what came. */
export class BatchRequestError extends Error {
  override name = "BatchRequestError";
}

const keys = ["custom_id", "method", "url", "body"];

/** @throws BatchRequestError. */
export function parseRequest(text: string): BatchRequest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BatchRequestError(`expected a JSON object, received ${text.slice(0, 40)}`);
  }
  return readRequest(value);
}

/** @throws BatchRequestError. */
export function readRequest(value: unknown): BatchRequest {
  if (!isRecord(value)) throw new BatchRequestError(`expected a JSON object, received ${showJson(value)}`);
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined)
    throw new BatchRequestError(`expected ${keys.join(", ")}, received "${unknown}" too`);
  const { custom_id: customId, method, url, body } = value;
  if (typeof customId !== "string" || customId === "") throw wrong("custom_id", "a text", customId);
  if (method !== "POST") throw wrong("method", '"POST"', method);
  const known = batchUrls.find((own) => own === url);
  if (!known) throw wrong("url", `one of ${batchUrls.join(", ")}`, url);
  if (!isRecord(body)) throw wrong("body", "an object", body);
  if (body["stream"] !== undefined && body["stream"] !== null && body["stream"] !== false)
    throw wrong("body.stream", "false, as the answer is a line of a file", body["stream"]);
  return { id: idOf(customId, known, body), customId, url: known, body };
}

/** The request as a line of a file, or as the data of a job, has it. */
export function requestJson({ customId, url, body }: BatchRequest): object {
  return { custom_id: customId, method: "POST", url, body };
}

function wrong(name: string, expected: string, received: unknown): BatchRequestError {
  return new BatchRequestError(`${name}: expected ${expected}, received ${showJson(received)}`);
}

/** 128 bits, in hexadecimal digits. */
function idOf(customId: string, url: BatchUrl, body: object): string {
  let text: string;
  try {
    text = JSON.stringify([customId, url, body]);
  } catch {
    throw new BatchRequestError("body: expected fewer values within each other, received thousands");
  }
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
