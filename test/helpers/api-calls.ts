// Calls of a handler of OpenAI's API, as tests make them.
import type { Handler } from "../../src/openai/index.js";

/** JSON of any shape: what is expected of it fails where it is another. */
// oxlint-disable-next-line typescript/no-explicit-any -- answers are compared as they are, whatever their types
export type Json = any;

export function post(path: string, body: unknown, init: RequestInit = {}): Request {
  return new Request(`http://weft.test${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...init,
  });
}

export const get = (path: string, init: RequestInit = {}): Request =>
  new Request(`http://weft.test${path}`, init);

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Json;
}

export async function answerTo(handler: Handler, request: Request): Promise<Answer> {
  const response = await handler(request);
  return { status: response.status, headers: response.headers, json: await response.json() };
}

/** One server-sent event. */
export interface SentEvent {
  readonly event: string | undefined;
  readonly data: Json;
}

/** The events of a text. "[DONE]" stays as it is. */
export function parseEvents(text: string): SentEvent[] {
  const blocks = text.split("\n\n");
  if (blocks.pop() !== "") throw new Error("an event is not complete");
  return blocks.map((block) => {
    const [, event, data] = /^(?:event: (\S+)\n)?data: (.*)$/.exec(block) ?? [];
    if (data === undefined) throw new Error(`expected an event, received ${block}`);
    return { event, data: data === "[DONE]" ? data : JSON.parse(data) };
  });
}

export async function eventsOf(handler: Handler, request: Request): Promise<SentEvent[]> {
  const response = await handler(request);
  if (response.status !== 200 || !response.headers.get("content-type")?.startsWith("text/event-stream"))
    throw new Error(`expected a stream, received ${response.status}: ${await response.text()}`);
  return parseEvents(await response.text());
}
