// What becomes of a request of a batch: a line of OpenAI's output and error files. It knows neither files nor queues.
// platform.openai.com/docs/api-reference/batch/request-output
import { isRecord } from "../../util/json-value.js";
import type { BatchRequest } from "./batch-request.js";

export interface BatchResult {
  /** As all ids here, it follows from the request: an answer that is computed twice is the same line. */
  readonly id: string;
  readonly custom_id: string;
  /** What the request was answered, whatever its status is. Null if it was not. */
  readonly response: {
    readonly status_code: number;
    readonly request_id: string;
    readonly body: unknown;
  } | null;
  /** Why there is no answer. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** The id of the result, and of a job on a queue. */
export const resultId = ({ id }: BatchRequest): string => `batch_req_${id}`;

export function answered(request: BatchRequest, status: number, body: unknown): BatchResult {
  return {
    id: resultId(request),
    custom_id: request.customId,
    response: { status_code: status, request_id: `req_${request.id}`, body },
    error: null,
  };
}

/** Whether the request was answered with what it asked for. */
export function isSuccess({ response }: Pick<BatchResult, "response">): boolean {
  return response !== null && response.status_code < 300;
}

/** A line that was written before. Undefined if it is none. */
export function readResult(text: string): BatchResult | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || typeof value["id"] !== "string" || typeof value["custom_id"] !== "string")
    return undefined;
  const { response = null, error = null } = value;
  const hasStatus = isRecord(response) && typeof response["status_code"] === "number";
  return hasStatus || (response === null && isRecord(error)) ? (value as unknown as BatchResult) : undefined;
}
