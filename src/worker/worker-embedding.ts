// Vectors that come from a worker, one message per batch: each is transferred once, and those of the same texts are told by the first.
import { EmbeddingHandle, type Embeddings, type EmbedOptions, type TextLike } from "../index.js";
import { checkedCallbacks } from "../util/option-names.js";
import { linkSignal } from "../util/signal.js";
import type { Connection } from "./connection.js";
import type { EmbeddingEvent } from "./messages.js";

export function embedInWorker(
  /** Throws if the model can't be used any more. */
  connect: () => Connection,
  texts: readonly TextLike[],
  given: EmbedOptions,
): EmbeddingHandle {
  const stopping = new AbortController();
  const vectors: Float32Array<ArrayBuffer>[] = [];
  return new EmbeddingHandle(
    async (emit) => {
      const connection = connect();
      const { signal, onProgress, ...options } = checkedCallbacks(given);
      const unlink = linkSignal(signal, stopping);
      const onEvent = (event: EmbeddingEvent): void => {
        if ("done" in event) return onProgress?.(event);
        const vector = "vector" in event ? event.vector : vectors[event.sameAs]!;
        vectors[event.index] = vector;
        emit({ index: event.index, vector });
      };
      try {
        const counts = await connection.call<Omit<Embeddings, "vectors">>("embed", [texts, options], {
          signal: stopping.signal,
          onEvent,
        });
        return { vectors, ...counts };
      } finally {
        unlink();
      }
    },
    () => stopping.abort(),
  );
}
