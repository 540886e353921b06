// The promise of DESIGN §5: a sentence gives the same bits whatever k, the fence, the placement, the queues and its batch
// mates are. Any race or missed fence shows here as a changed bit.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Model } from "../../src/runtime/model.js";
import { fences, placements } from "../../src/plan/vocabulary.js";
import { validateTrace } from "../../src/trace/validate.js";
import { readJson, repositoryFile } from "../helpers/data-files.js";
import { SeededRandom } from "../helpers/random.js";

const folder = "src/demo/models/tinystories-gpt2";
let model: Model;
let sentences: number[][];
let expected: readonly Uint32Array[];
let expectedScores: readonly Uint32Array[];

beforeAll(async () => {
  model = await Model.load(repositoryFile(folder), { queues: 3 });
  const stories = (await readJson<readonly { prompt: string }[]>(repositoryFile(`${folder}/stories.json`)))!;
  const encoded = await Promise.all(stories.slice(0, 24).map(({ prompt }) => model.encode(prompt)));
  // Real sentences, ragged: one token, primes, multiples of the slice sizes below, and a long one.
  const lengths = [1, 2, 5, 7, 16, 17, 31, 64];
  sentences = lengths.map((length, index) =>
    encoded.filter((ids) => ids.length >= length)[index % 3]!.slice(0, length),
  );
  expected = bits((await model.forward(sentences, { output: "all", queues: 1, sliceTokens: 256 })).logits);
  expectedScores = bits(
    (await model.score(sentences.slice(1), { queues: 1 })).map(({ logProbabilities }) => logProbabilities),
  );
});

afterAll(() => {
  model.dispose();
  for (const { buffers, bytes } of model.memory())
    expect({ buffers, bytes }).toEqual({ buffers: 0, bytes: 0 });
});

describe.each(fences)("with the %s fence", (fence) => {
  describe.each(["auto", ...placements] as const)("and %s placement", (placement) => {
    it.each([1, 2, 3])("gives the same bits on %i queues for every k", async (queues) => {
      for (const sliceTokens of [1, 2, 3, 5, 8, 16, 64]) {
        const options = { output: "all", fence, placement, queues, sliceTokens, trace: true } as const;
        const { logits, trace } = await model.forward(sentences, options);
        expect(bits(logits), `k = ${sliceTokens}`).toEqual(expected);
        expect(validateTrace(trace!), `k = ${sliceTokens}`).toEqual([]);
      }
    });
  });
});

it("gives the same bits for a sentence alone as among others", async () => {
  for (const [index, sentence] of sentences.entries()) {
    const { logits } = await model.forward([sentence], { output: "all", sliceTokens: 3 });
    expect(bits(logits)[0], `sentence ${index}`).toEqual(expected[index]);
  }
});

it("gives the same bits in any order of sentences", async () => {
  const random = new SeededRandom(1);
  for (let round = 0; round < 4; round++) {
    const keys = sentences.map((_, index) => ({ index, key: random.uniform() }));
    const order = keys.toSorted((a, b) => a.key - b.key).map(({ index }) => index);
    const shuffled = order.map((index) => sentences[index]!);
    const { logits } = await model.forward(shuffled, {
      output: "all",
      sliceTokens: 5,
      queues: 1 + (round % 3),
    });
    expect(bits(logits)).toEqual(order.map((index) => expected[index]));
  }
});

it("gives the same bits for calls that run at the same time", async () => {
  const options = [
    { sliceTokens: 2, placement: "spread", fence: "prefix" },
    { sliceTokens: 16, queues: 1 },
    { sliceTokens: 7, placement: "spread" },
    { sliceTokens: 64, queues: 2 },
  ] as const;
  const results = await Promise.all(
    options.map((own) => model.forward(sentences, { output: "all", ...own })),
  );
  for (const { logits } of results) expect(bits(logits)).toEqual(expected);
});

it("gives the same bits for the last row and for scores", async () => {
  for (const [sliceTokens, queues] of [
    [1, 2],
    [5, 3],
  ] as const) {
    const { logits } = await model.forward(sentences, { sliceTokens, queues });
    for (const [index, own] of bits(logits).entries())
      expect(own).toEqual(expected[index]!.subarray(-own.length));
    const scores = await model.score(sentences.slice(1), { sliceTokens, queues, placement: "spread" });
    expect(bits(scores.map(({ logProbabilities }) => logProbabilities))).toEqual(expectedScores);
  }
});

/** Floats as their bits: NaN and the sign of zero count, too. */
function bits(values: readonly Float32Array<ArrayBuffer>[]): Uint32Array[] {
  return values.map((own) => new Uint32Array(own.buffer, own.byteOffset, own.length));
}
