// Reads the JSON of a request, up to a number of bytes.
import { isRecord } from "../../util/json-value.js";
import { ApiFailure } from "./failure.js";

/** The object in the body. @throws ApiFailure for another value, or a body that is too large. */
export async function readBody(
  request: Request,
  mostBytes: number,
): Promise<Readonly<Record<string, unknown>>> {
  const text = await readText(request, mostBytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ApiFailure({
      status: 400,
      message: "The body is not valid JSON.",
      code: "invalid_json",
      cause,
    });
  }
  if (isRecord(value)) return value;
  throw new ApiFailure({ status: 400, message: "The body has to be a JSON object.", code: "invalid_json" });
}

async function readText(request: Request, mostBytes: number): Promise<string> {
  // What the header says may be wrong, but where it says too much nothing has to be read.
  if (Number(request.headers.get("content-length") ?? 0) > mostBytes) throw tooLarge(mostBytes);
  const body = request.body as ReadableStream<Uint8Array> | null | undefined;
  // Firefox has no bodies of requests as streams. What a page's own code passes is in memory already.
  if (body === undefined) {
    const whole = await request.blob();
    if (whole.size > mostBytes) throw tooLarge(mostBytes);
    return whole.text();
  }
  if (body === null) return "";
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let text = "";
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text + decoder.decode();
      bytes += value.byteLength;
      if (bytes > mostBytes) throw tooLarge(mostBytes);
      text += decoder.decode(value, { stream: true });
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined); // what it was stopped by is thrown below
    throw error;
  }
}

function tooLarge(mostBytes: number): ApiFailure {
  return new ApiFailure({
    status: 413,
    message: `The body is larger than ${mostBytes} bytes, which this server takes.`,
    code: "request_too_large",
  });
}
