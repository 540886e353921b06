// A response of server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html.

/** One event. OpenAI's streams of chunks have no names; those of responses do. */
export function eventText(data: unknown, event?: string): string {
  const json = typeof data === "string" ? data : JSON.stringify(data);
  return `${event === undefined ? "" : `event: ${event}\n`}data: ${json}\n\n`;
}

/**
 * Sends what `events` yields. `onCancel` is called when the reader leaves; it has to make `events` end. An error of `events` breaks
 * the stream off, as a connection that is lost would.
 */
export function eventStream(
  events: AsyncGenerator<string, void, undefined>,
  onCancel: (reason: unknown) => void,
): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const { done, value } = await events.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel(reason) {
      // This must come first: the generator may be waiting for what the model writes.
      onCancel(reason);
      await events.return();
    },
  });
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      // Else nginx would hold events back.
      "x-accel-buffering": "no",
    },
  });
}
