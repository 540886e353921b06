// Opens a web stream, such as the body of a response or the content of a Blob, as an OpenFile.
import { FetchError } from "../errors.js";
import { throwIfAborted } from "../util/signal.js";
import type { OpenFile } from "./model-folder.js";
import type { StallWatch } from "./stall-watch.js";

/** Reads `stream` to its end; `location` is its URL for messages. `watch` ends it when nothing comes, and is ended with it. */
export function openStream(
  stream: ReadableStream<Uint8Array>,
  location: string,
  sizeBytes: number | undefined,
  signal: AbortSignal | undefined,
  watch?: StallWatch,
): OpenFile {
  const reader = stream.getReader();
  return {
    sizeBytes,
    async read() {
      throwIfAborted(signal, `Reading ${location}`);
      try {
        return (await (watch ? watch.wait(reader.read()) : reader.read())).value;
      } catch (cause) {
        throwIfAborted(signal, `Reading ${location}`);
        if (cause instanceof FetchError) throw cause;
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
      watch?.end();
    },
  };
}
