// Many requests at once: each gets what it would get alone, whatever arrives, ends or is cancelled beside it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Generation } from "../../src/runtime/generate/handle.js";
import { Model } from "../../src/runtime/model.js";
import type { LoadOptions } from "../../src/runtime/load/load-options.js";
import { SeededRandom } from "../helpers/random.js";
import { makeSentences } from "../helpers/tiny-model.js";
import {
  expectIdle,
  expectSameAsAlone,
  makeRequest,
  makeWriter,
  wait,
  writerContext,
  writerVocabulary,
  type WriterRequest,
} from "../helpers/tiny-writer.js";

const parts = makeWriter();
const random = new SeededRandom(21);
const requests = Array.from({ length: 100 }, () => makeRequest(random, 60, 24));
const shortRequests = Array.from({ length: 24 }, () => makeRequest(random, 6, 6));

let alone: readonly Generation[];
let shortAlone: readonly Generation[];

beforeAll(async () => {
  await using model = await Model.load(parts);
  alone = await runAlone(model, requests);
  shortAlone = await runAlone(model, shortRequests);
});

async function runAlone(model: Model, all: readonly WriterRequest[]): Promise<Generation[]> {
  const results: Generation[] = [];
  for (const { prompt, options } of all) results.push(await model.generate(prompt, options));
  return results;
}

describe.each([
  ["one queue", { queues: 1 }],
  ["two queues", { queues: 2 }],
  ["one request at a time", { maxConcurrentRequests: 1 }],
  ["a cache that holds one context", { cacheBytes: 1 }],
  ["a small cache on two queues", { queues: 2, cacheBytes: 60_000, maxConcurrentRequests: 20 }],
] as [string, LoadOptions][])("a hundred requests with %s", (_, loadOptions) => {
  it("get what they get alone; those that are cancelled get its beginning", async () => {
    await using model = await Model.load(parts, loadOptions);
    const arrivals = new SeededRandom(22);
    const results = await Promise.all(
      requests.map(async ({ prompt, options }) => {
        const controller = new AbortController();
        const [arriveMs, cancelMs] = [arrivals.integer(150), arrivals.integer(150)];
        const isCancelled = arrivals.integer(4) === 0;
        await wait(arriveMs);
        const handle = model.generate(prompt, { ...options, signal: controller.signal });
        if (isCancelled) setTimeout(() => (cancelMs % 2 ? handle.cancel() : controller.abort()), cancelMs);
        return handle;
      }),
    );
    for (const [index, own] of results.entries()) expectSameAsAlone(own, alone[index]!, `request ${index}`);
    const aborted = results.filter(({ finishReason }) => finishReason === "abort").length;
    const { preemptions, steps } = model.stats();
    console.info(`${aborted} cancelled, ${steps} steps, ${preemptions} times one was put back`);
    expect(aborted).toBeLessThan(50);
    if (loadOptions.cacheBytes !== undefined) expect(preemptions).toBeGreaterThan(0);
    expectIdle(model);
  });
});

it("lets no more requests run at once than it was told to", async () => {
  await using model = await Model.load(parts, { maxConcurrentRequests: 3 });
  const handles = model.generate(
    requests.slice(0, 12).map(({ prompt }) => prompt),
    { maxTokens: 8 },
  );
  let most = 0;
  const { generatedTokens } = model.stats();
  while (model.stats().generatedTokens < generatedTokens + 12 * 8) {
    most = Math.max(most, model.stats().running);
    await wait(1);
  }
  await Promise.all(handles);
  expect(most).toBe(3);
});

describe("one model", () => {
  let model: Model;
  beforeAll(async () => {
    model = await Model.load(parts, { queues: 2 });
  });
  afterAll(async () => {
    await model[Symbol.asyncDispose]();
    for (const { buffers, bytes } of model.memory())
      expect({ buffers, bytes }).toEqual({ buffers: 0, bytes: 0 });
  });

  it("answers several hundred short requests", async () => {
    const picks = new SeededRandom(23);
    const started: { readonly pick: number; readonly result: Promise<Generation> }[] = [];
    for (let index = 0; index < 400; index++) {
      const pick = picks.integer(shortRequests.length);
      const { prompt, options } = shortRequests[pick]!;
      started.push({ pick, result: model.generate(prompt, options).then((own) => own) });
      if (picks.integer(20) === 0) await wait(picks.integer(10));
    }
    for (const [index, { pick, result }] of started.entries())
      expectSameAsAlone(await result, shortAlone[pick]!, `request ${index}`);
    expectIdle(model);
  });

  it("computes the beginning that prompts share once", async () => {
    const prompt = Array.from({ length: 50 }, (_, index) => (index * 11) % writerVocabulary);
    const before = model.stats();
    // One after another, or both queues would begin.
    await model.generate(prompt, { maxTokens: 1 });
    await Promise.all(model.generate([prompt, prompt, [...prompt.slice(0, 40), 3]], { maxTokens: 1 }));
    const { sharedRows, computedRows } = model.stats();
    // Whole pages of 16 tokens: 3, 3 and 2, and a copy of the beginning of one, where it saves 4 tokens or more.
    expect(sharedRows - before.sharedRows).toBe(48 + 48 + (32 + 8));
    expect(computedRows - before.computedRows).toBe(50 + 2 + 2 + 1);
  });

  it("goes back to the memory that it had, after however many", async () => {
    const run = async (all: readonly WriterRequest[]): Promise<void> => {
      await Promise.all(all.map(({ prompt, options }) => model.generate(prompt, options)));
      // A step may have been in flight when its last request ended.
      await wait(100);
    };
    await run(requests.slice(0, 2));
    const few = model.memory();
    await run(requests);
    const many = model.memory();
    // Some buffers have grown, none is left over. A cache that has grown is given back.
    for (const [queue, { buffers }] of model.memory().entries())
      expect(buffers).toBeLessThanOrEqual(few[queue]!.buffers);
    for (let round = 0; round < 3; round++) await run(requests);
    await run(shortRequests);
    await run(requests);
    // The share of a queue varies, and with it how much the largest step has needed.
    for (const [queue, { buffers, bytes }] of model.memory().entries()) {
      expect(buffers).toBe(many[queue]!.buffers);
      expect(bytes).toBeLessThanOrEqual(1.25 * many[queue]!.bytes);
    }
    expectIdle(model);
  });

  it("scores and computes logits meanwhile, with the same bits, and all go on", async () => {
    const sentences = makeSentences(5, 6, writerContext, writerVocabulary);
    const longer = sentences.filter(({ length }) => length > 1);
    const before = await model.forward(sentences, { output: "all" });
    const scoresBefore = await model.score(longer);
    const generating = requests.map(({ prompt, options }) => model.generate(prompt, options));
    let ended = 0;
    for (const handle of generating) void handle.finally(() => ended++);
    const progress: number[] = [];
    for (let round = 0; round < 6 || ended < generating.length; round++) {
      const placement = round % 2 ? "spread" : "affine";
      const [forward, scores] = await Promise.all([
        model.forward(sentences, { output: "all", placement, sliceTokens: 1 + round }),
        model.score(longer, { fence: "prefix" }),
      ]);
      progress.push(ended);
      expect(forward.logits).toEqual(before.logits);
      expect(scores.map((score) => score.logProbabilities)).toEqual(
        scoresBefore.map((score) => score.logProbabilities),
      );
    }
    for (const [index, own] of (await Promise.all(generating)).entries())
      expectSameAsAlone(own, alone[index]!, `request ${index}`);
    // Calls ended before, between and after requests.
    console.info(`requests that had ended after each call: ${progress.join(" ")}`);
    expect(new Set(progress).size).toBeGreaterThan(2);
  });
});
