// A tied model whose file has the matrix under the head's name alone, as safetensors' save_model writes it; and ids in typed arrays.
import { expect, it } from "vitest";
import { createModelParts, Model } from "../../src/index.js";

const parts = createModelParts({
  layers: 1,
  heads: 2,
  channels: 8,
  contextLength: 16,
  vocabularySize: 40,
  seed: 2,
});

/** The same file with one tensor under another name. */
function renamed(from: RegExp, to: string): Uint8Array<ArrayBuffer> {
  const { weights } = parts;
  const headerBytes = Number(new DataView(weights.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(weights.subarray(8, 8 + headerBytes))) as object;
  const entries = Object.entries(header).map(
    ([name, entry]) => [from.test(name) ? to : name, entry] as const,
  );
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const file = new Uint8Array(8 + text.length + weights.length - 8 - headerBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(weights.subarray(8 + headerBytes), 8 + text.length);
  return file;
}

it("gives the bits of the usual name", async () => {
  await using usual = await Model.load(parts, { queues: 1 });
  for (const weights of ["f32", undefined] as const) {
    const own = { ...parts, weights: renamed(/wte\.weight$/, "lm_head.weight") };
    await using model = await Model.load(own, { queues: 1, ...(weights ? { weights } : {}) });
    expect((await model.forward([[1, 2, 3]])).logits).toEqual((await usual.forward([[1, 2, 3]])).logits);
  }
});

it("takes ids as other tokenizers give them", async () => {
  await using model = await Model.load(parts, { queues: 1 });
  const expected = (await model.forward([[1, 2, 3]])).logits;
  for (const ids of [Int32Array.of(1, 2, 3), Uint32Array.of(1, 2, 3), BigInt64Array.of(1n, 2n, 3n)]) {
    expect((await model.forward([ids])).logits).toEqual(expected);
    const { tokens } = await model.generate(ids, { maxTokens: 2, temperature: 0 });
    expect(tokens).toEqual((await model.generate([1, 2, 3], { maxTokens: 2, temperature: 0 })).tokens);
  }
  await expect(model.forward([BigInt64Array.of(1n, -2n)])).rejects.toThrow(
    /sentences\[0\]\[1\]: expected a token id/,
  );
  expect(await Promise.all(model.generate([]))).toEqual([]);
});
