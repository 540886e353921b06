// Tokens that must not be generated: banned ones and sequences, repetitions, end tokens too early, ids beyond the tokenizer.
import { afterAll, beforeAll, expect, it } from "vitest";
import { ArgumentError } from "../../src/errors.js";
import { Model } from "../../src/runtime/model.js";
import { SeededRandom } from "../helpers/random.js";
import { rejection } from "../helpers/rejection.js";
import { makeWriter, writerVocabulary } from "../helpers/tiny-writer.js";

let model: Model;
beforeAll(async () => {
  model = await Model.load(makeWriter(), { queues: 2 });
});
afterAll(() => model.dispose());

const prompt = [1, 2, 3];
const greedy = { temperature: 0, maxTokens: 40, stopTokens: [] } as const;

it("never writes banned tokens, nor the end of banned sequences", async () => {
  const free = await model.generate(prompt, greedy);
  const first = free.tokens[0]!;
  const banned = await model.generate(prompt, { ...greedy, banned: [first] });
  expect(banned.tokens).not.toContain(first);
  // What was written before it stays the same, and others are not touched by it.
  const [a, b, c] = free.tokens as unknown as [number, number, number];
  const [sequence, other] = await Promise.all([
    model.generate(prompt, { ...greedy, banned: [[a, b, c]] }),
    model.generate(prompt, greedy),
  ]);
  expect(sequence.tokens.slice(0, 2)).toEqual([a, b]);
  expect(` ${sequence.tokens.join(" ")} `).not.toContain(` ${a} ${b} ${c} `);
  expect(other.tokens).toEqual(free.tokens);
});

it("repeats no sequence of the given length, and draws the same alone as among others", async () => {
  const random = new SeededRandom(3);
  const options = { temperature: 1, maxTokens: 50, stopTokens: [], noRepeatSize: 2, topK: 3 };
  const requests = Array.from({ length: 6 }, (_, seed) => ({ seed, ids: [random.integer(9), 2, 3] }));
  const together = await Promise.all(
    requests.map(({ seed, ids }) => model.generate(ids, { ...options, seed })),
  );
  for (const [index, { seed, ids }] of requests.entries()) {
    const { tokens } = together[index]!;
    const all = [...ids, ...tokens];
    const pairs = all.slice(1).map((token, at) => `${all[at]} ${token}`);
    expect(new Set(pairs).size).toBe(pairs.length);
    expect((await model.generate(ids, { ...options, seed })).tokens).toEqual(tokens);
  }
});

it("ends no text before it has enough tokens", async () => {
  const free = await model.generate(prompt, greedy);
  const stop = free.tokens[2]!;
  const early = await model.generate(prompt, { ...greedy, stopTokens: [stop] });
  expect(early.tokens.length).toBeLessThanOrEqual(3);
  const late = await model.generate(prompt, { ...greedy, stopTokens: [stop], minTokens: 8 });
  expect(late.tokens.length).toBeGreaterThanOrEqual(8);
  expect(late.tokens.slice(0, 8)).not.toContain(stop);
});

it("does what generation_config.json says", async () => {
  const free = await model.generate(prompt, greedy);
  const generationConfig = {
    suppress_tokens: [free.tokens[0]!],
    no_repeat_ngram_size: 1,
    max_new_tokens: 20,
  };
  await using own = await Model.load(makeWriter({}, { generationConfig }));
  const { tokens } = await own.generate(prompt, { stopTokens: [] });
  expect(tokens).not.toContain(free.tokens[0]);
  expect(new Set([...prompt, ...tokens]).size).toBe(prompt.length + tokens.length);
});

it("chooses no id that the tokenizer does not have", async () => {
  const own = makeWriter({ vocabulary: writerVocabulary + 40, tiedHead: true });
  await using padded = await Model.load(own);
  const { tokens } = await padded.generate(prompt, { ...greedy, temperature: 3, seed: 1, maxTokens: 60 });
  expect(Math.max(...tokens)).toBeLessThan(writerVocabulary);
  const { tokenizer: _, ...withoutTokenizer } = own;
  await using free = await Model.load(withoutTokenizer);
  const all = await free.generate(prompt, { ...greedy, temperature: 3, seed: 1, maxTokens: 60 });
  expect(Math.max(...all.tokens)).toBeGreaterThanOrEqual(writerVocabulary);
});

it.each([
  [{ banned: 3 as never }, /^banned: expected a list/],
  [{ banned: [99] }, /^banned\[0\]: expected a whole number from 0 to/],
  [{ banned: [[]] }, /^banned\[0\]: expected at least one id/],
  [{ noRepeatSize: -1 }, /^noRepeatSize: expected/],
  [{ minTokens: 1.5 }, /^minTokens: expected/],
  [{ specialTokens: "no" as never }, /^specialTokens: expected/],
])("refuses %j", async (options, words) => {
  const error = await rejection(
    Promise.resolve(model.generate("specialTokens" in options ? "abc" : prompt, options)),
  );
  expect(error).toBeInstanceOf(ArgumentError);
  expect(error.message).toMatch(words);
});
