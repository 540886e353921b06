// The logits that an engine of generation chooses tokens from.
import { expect } from "vitest";
import { Readback } from "../../src/gpu/readback.js";
import { OptionWord, OPTION_WORDS } from "../../src/kernels/sampling/choose-token.js";
import { Forward } from "../../src/model/forward.js";
import type { LoadedModel, Replica } from "../../src/runtime/load/loaded-model.js";

/** Logits of a step, by the request's seed (its name here) and the position of the token they gave. */
export type SeenLogits = Map<string, Uint32Array>;

/** The replica with a forward pass that also copies the logits tokens are chosen from. */
export function watchLogits(
  replica: Replica,
  loaded: LoadedModel,
  seen: SeenLogits,
  reads: Promise<void>[],
): Replica {
  const { forward, queue } = replica;
  const { vocabulary, vocabularyVectors } = loaded.shape;
  const rowWords = 4 * vocabularyVectors;
  const watched = new Forward(forward.model, forward.weights, forward.pipelines, forward.angles);
  Object.assign(watched, {
    encodeHead(...parameters: Parameters<Forward["encodeHead"]>) {
      forward.encodeHead(...parameters);
      const [list, , rows, logits] = parameters;
      const rowCount = rows.count;
      // Options lie behind the table of the rows that choose, which lists rows and positions.
      const firstOption = rows.firstEntry + 2 * rowCount;
      const names = Array.from({ length: rowCount }, (_, row) => {
        const at = firstOption + row * OPTION_WORDS;
        const { words } = queue.tables;
        return `${words[at + OptionWord.seedLow]}@${words[at + OptionWord.position]}`;
      });
      const readback = new Readback(queue, 4 * rowCount * rowWords);
      readback.copy(list, logits, 0, 4 * rowCount * rowWords);
      const read = Promise.resolve().then(async () => {
        const all = new Float32Array(await readback.read());
        for (const [row, name] of names.entries()) {
          const own = bits(all.subarray(row * rowWords, row * rowWords + vocabulary));
          // A request that was put back computes some logits again: they must not change either.
          if (seen.has(name)) expect(own, name).toEqual(seen.get(name));
          seen.set(name, own);
        }
      });
      reads.push(read);
    },
  } satisfies Partial<Forward>);
  return { ...replica, disposeWeights: () => replica.disposeWeights(), forward: watched };
}

export function bits(values: Float32Array): Uint32Array {
  return new Uint32Array(values.slice().buffer);
}
