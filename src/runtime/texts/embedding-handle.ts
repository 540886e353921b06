// What a caller holds while texts become vectors.
import { ResultHandle } from "../../util/result-handle.js";

/** The vectors of texts. */
export interface Embeddings {
  /** One for each text, in their order. Texts that are the same share theirs. */
  readonly vectors: readonly Float32Array<ArrayBuffer>[];
  readonly dimensions: number;
  /** Tokens of all texts together, special ones included; of equal texts each. */
  readonly tokens: number;
  /** The indices of texts that were cut. */
  readonly truncated: readonly number[];
}

/** The vector of one text, by its index in the call. */
export interface EmbeddedText {
  readonly index: number;
  readonly vector: Float32Array<ArrayBuffer>;
}

/**
 * Vectors being computed. `await` it for all, or iterate over it for each as its batch is done, in the order of the texts. Leaving
 * the loop cancels: the promise then rejects with CancelledError.
 */
export class EmbeddingHandle extends ResultHandle<EmbeddedText, Embeddings> {}
