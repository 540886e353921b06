// Peers: other runtimes with the same weights and sentences. They take rectangular batches only, so sentences are padded.
import type { SyntheticModel } from "./synthetic-model.js";

/** Sentences of a batch, padded on the right to the longest. Causal attention never reads the padding. */
export interface PaddedBatch {
  readonly sentences: number;
  readonly length: number;
  /** (sentences, length). */
  readonly ids: Int32Array;
  /** The row of each sentence's last token, in (sentences·length, C). */
  readonly lastRows: Int32Array;
  /** The indices of these sentences among all. */
  readonly order: readonly number[];
}

export interface Peer {
  /** Name and version. */
  readonly name: string;
  /** Returns the logits after the last token of each sentence, (sentences, V). */
  run(batch: PaddedBatch): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** `address`: that of the peers' packages. */
export type LoadPeer = (model: SyntheticModel, address: string) => Promise<Peer>;

/**
 * Sorts sentences by length and cuts them into batches of at most `size`, each padded to its longest, as a careful user would.
 * With a size of Infinity, one batch in the given order.
 */
export function padSentences(sentences: readonly (readonly number[])[], size: number): PaddedBatch[] {
  const order = sentences.map((_, index) => index);
  if (size < sentences.length) order.sort((a, b) => sentences[a]!.length - sentences[b]!.length);
  const batches: PaddedBatch[] = [];
  for (let first = 0; first < order.length; first += size) {
    const own = order.slice(first, first + size);
    const length = Math.max(...own.map((index) => sentences[index]!.length));
    const ids = new Int32Array(own.length * length);
    for (const [row, index] of own.entries()) ids.set(sentences[index]!, row * length);
    const lastRows = Int32Array.from(own, (index, row) => row * length + sentences[index]!.length - 1);
    batches.push({ sentences: own.length, length, ids, lastRows, order: own });
  }
  return batches;
}

/** Runs every batch; the logits come back in the order of the sentences. */
export async function runPeer(peer: Peer, batches: readonly PaddedBatch[]): Promise<Float32Array[]> {
  const logits: Float32Array[] = [];
  for (const batch of batches) {
    const values = await peer.run(batch);
    const width = values.length / batch.sentences;
    for (const [row, index] of batch.order.entries())
      logits[index] = values.subarray(row * width, (row + 1) * width);
  }
  return logits;
}

/** (T, T): 0 for keys that a query may see, and a large negative number for all others. */
export function causalMask(length: number): Float32Array {
  const mask = new Float32Array(length * length);
  for (let query = 0; query < length; query++)
    mask.fill(-1e9, query * length + query + 1, (query + 1) * length);
  return mask;
}
