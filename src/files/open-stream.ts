// Opens a web stream, such as the body of a response or the content of a Blob, as an OpenFile.
import { FetchError } from "../errors.js";
import { throwIfAborted } from "../util/signal.js";
import type { OpenFile } from "./model-folder.js";

/** Reads `stream` to its end; `location` is its URL for messages. */
export function openStream(
  stream: ReadableStream<Uint8Array>,
  location: string,
  sizeBytes: number | undefined,
  signal: AbortSignal | undefined,
): OpenFile {
  const reader = stream.getReader();
  return {
    sizeBytes,
    async read() {
      throwIfAborted(signal, `Reading ${location}`);
      try {
        return (await reader.read()).value;
      } catch (cause) {
        throwIfAborted(signal, `Reading ${location}`);
        throw new FetchError({
          url: location,
          problem: "the connection broke before the end of the file",
          remedy: "Check the connection and load the model again.",
          cause,
        });
      }
    },
    async close() {
      // Rejects only if the stream has failed, which `read` has reported.
      await reader.cancel().catch(() => undefined);
    },
  };
}
