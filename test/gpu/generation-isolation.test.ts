// One request must never end another: whatever goes wrong with the text, the callbacks or a watcher of one, the others go on.
import { afterEach, expect, it, vi } from "vitest";
import { GenerationEngine } from "../../src/runtime/generate/engine.js";
import type { EngineRequest } from "../../src/runtime/generate/engine-request.js";
import { checkSampling } from "../../src/runtime/generate/sampling.js";
import { loadModel } from "../../src/runtime/load/load-model.js";
import { disposeLoaded } from "../../src/runtime/load/loaded-model.js";
import { createModelParts } from "../../src/model/weights/new-model.js";
import { Model } from "../../src/runtime/model.js";
import { makeWriter, writerVocabulary } from "../helpers/tiny-writer.js";

afterEach(() => {
  vi.unstubAllGlobals();
});

/** As vocabularies are padded to a round size: the model has ids that the tokenizer does not know. */
const padded = makeWriter({ vocabulary: writerVocabulary + 11 });
const unknown = writerVocabulary + 3;

it("gives ids without a token no text, and goes on", async () => {
  // The last id has a token, so the ones between may be chosen.
  const tokenizer = structuredClone(padded.tokenizer) as { added_tokens: { id: number; content: string }[] };
  tokenizer.added_tokens.push({ ...tokenizer.added_tokens[0]!, id: writerVocabulary + 10, content: "<far>" });
  await using model = await Model.load({ ...padded, tokenizer }, { queues: 1 });
  const write = (id: number): ReturnType<typeof model.generate> =>
    model.generate("ab", { temperature: 0, maxTokens: 9, logitBias: { [id]: 1e4 } });
  const [good, bad] = await Promise.all([write(1), write(unknown)]);
  expect(good).toMatchObject({ text: "bbbbbbbbb", finishReason: "length" });
  expect(bad).toMatchObject({ text: "", finishReason: "length", tokens: Array(9).fill(unknown) });
  await expect(model.decode([unknown])).rejects.toThrow("the id of a token of this tokenizer");
});

it("ends a request whose callback throws, and no other", async () => {
  const loaded = await loadModel(padded, { queues: 1 });
  const engine = new GenerationEngine(loaded.replicas[0]!, loaded.shape, {
    sliceTokens: 8,
    maxRunning: 4,
    cacheBytes: 1 << 20,
  });
  const failure = new TypeError("no text");
  const sampling = checkSampling({ temperature: 0 }, {}, writerVocabulary + 11);
  /** Resolves with the tokens of a request, or with what its `onError` was called with. */
  const run = (id: number, failsAt: number): Promise<unknown> =>
    new Promise((resolve) => {
      const tokens: number[] = [];
      const request: EngineRequest = {
        id,
        prompt: [1, 2, 3],
        priority: 0,
        maxLength: 20,
        sampling,
        onStart: () => undefined,
        onToken: (token) => {
          tokens.push(token);
          if (tokens.length === failsAt) throw failure;
          if (tokens.length < 15) return true;
          resolve(tokens);
          return false;
        },
        onError: resolve,
      };
      engine.add(request);
    });
  const alone = await run(1, Infinity);
  const [failed, other, late] = await Promise.all([run(2, 4), run(3, Infinity), run(4, 15)]);
  expect(failed).toBe(failure);
  expect(late).toBe(failure);
  expect(other).toEqual(alone);
  expect(engine.stats).toMatchObject({ running: 0, waiting: 0 });
  engine.dispose(failure);
  disposeLoaded(loaded);
  expect(loaded.replicas[0]!.queue.memory).toMatchObject({ buffers: 0, bytes: 0 });
});

it("ends a watch whose watcher throws, says so as event targets do, and goes on writing", async () => {
  await using model = await Model.load(padded, { queues: 1 });
  const reported: (() => void)[] = [];
  vi.stubGlobal("queueMicrotask", (callback: () => void) => reported.push(callback));
  let [calls, steps] = [0, 0];
  model.watchSteps(() => {
    calls++;
    throw new TypeError("no picture");
  });
  model.watchSteps(() => steps++);
  const { tokens } = await model.generate("ab", { maxTokens: 5, seed: 1 });
  expect(tokens).toHaveLength(5);
  expect(calls).toBe(1);
  expect(steps).toBeGreaterThan(1);
  expect(reported).toHaveLength(1);
  expect(reported[0]).toThrow("no picture");
});

it("puts no more requests into a step than one binding holds logits of", async () => {
  // A vocabulary that is wide beside everything else, so that the logits of three rows are the largest binding.
  const wide = createModelParts({
    layers: 1,
    heads: 1,
    channels: 4,
    contextLength: 16,
    vocabularySize: 2048,
  });
  const prompts = Array.from({ length: 9 }, (_, index) => [index + 1, 2]);
  const options = { maxTokens: 5, temperature: 0 } as const;
  await using roomy = await Model.load(wide, { queues: 1 });
  const expected = await Promise.all(roomy.generate(prompts, options));
  await using narrow = await Model.load(wide, { queues: 1, maxBindingBytes: 3 * 2048 * 4 });
  let most = 0;
  narrow.watchSteps(({ parts }) => (most = Math.max(most, parts.length)));
  const own = await Promise.all(narrow.generate(prompts, options));
  expect(own.map(({ tokens }) => tokens)).toEqual(expected.map(({ tokens }) => tokens));
  expect(most).toBe(3);
});
