// Long contexts take no more memory than their tokens: the cache begins small, and grows with what is used.
import { expect, it } from "vitest";
import { Model } from "../../src/runtime/model.js";
import { makeWriter, writerVocabulary } from "../helpers/tiny-writer.js";

const contextLength = 3000;
const ids = (length: number): number[] =>
  Array.from({ length }, (_, index) => (7 * index + (index % 5)) % writerVocabulary);
const pagesOf = (tokens: number): number => Math.ceil(tokens / 16) + 1;
const options = { temperature: 0, stopTokens: [] } as const;

it("grows with a prompt and with what is written, and gives the same tokens", async () => {
  await using model = await Model.load(makeWriter({ contextLength, layers: 1 }), { cacheBytes: 1 });
  const short = await model.generate(ids(20), { ...options, maxTokens: 3 });
  expect(model.stats().cachePages).toBe(pagesOf(1024));
  // One that outgrows the cache while it is written, beside one whose prompt does not fit at first.
  const written = model.generate(ids(1000), { ...options, maxTokens: 60 });
  const prompted = model.generate(ids(1700), { ...options, maxTokens: 5 });
  const [own, other] = await Promise.all([written, prompted]);
  expect(own.finishReason).toBe("length");
  expect(own.tokens).toHaveLength(60);
  expect(other.tokens).toHaveLength(5);
  // Nothing is left of it when there is nothing to do.
  expect(model.stats()).toMatchObject({ running: 0, waiting: 0, cachePages: pagesOf(1024) });
  await using whole = await Model.load(makeWriter({ contextLength, layers: 1 }));
  expect((await whole.generate(ids(1000), { ...options, maxTokens: 60 })).tokens).toEqual(own.tokens);
  expect((await whole.generate(ids(20), { ...options, maxTokens: 3 })).tokens).toEqual(short.tokens);
});
