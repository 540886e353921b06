// Calls that share a queue take turns: a small one does not wait for all of a large one, and nobody's bits change.
import { describe, expect, it } from "vitest";
import { Model } from "../../src/runtime/model.js";
import type { GenerationStep } from "../../src/runtime/generate/step.js";
import { expectClose } from "../helpers/expect-close.js";
import { makeSentences, makeTinyModel } from "../helpers/tiny-model.js";
import { exact } from "../helpers/tolerances.js";
import { WatchedGpu } from "../helpers/watched-gpu.js";

const tiny = makeTinyModel({ contextLength: 64, vocabulary: 61, channels: 32, hidden: 128, layers: 4 });

describe("calls on one queue", () => {
  it("lets a small forward pass overtake a large one, and texts be written meanwhile", async () => {
    await using model = await Model.load(tiny.parts, { sliceTokens: 8 });
    const large = makeSentences(1, 400, 64, 61);
    const small = makeSentences(2, 2, 64, 61);
    const alone = {
      large: await model.forward(large),
      small: await model.forward(small),
      text: await model.generate([1, 2, 3], { maxTokens: 12, temperature: 0, stopTokens: [] }),
    };
    const ended: string[] = [];
    const steps: GenerationStep[] = [];
    model.watchSteps((step) => steps.push(step));
    const note = async <R>(name: string, running: PromiseLike<R>): Promise<R> => {
      const result = await running;
      ended.push(name);
      return result;
    };
    const [first, second, text] = await Promise.all([
      note("large", model.forward(large)),
      note("small", model.forward(small)),
      note("text", model.generate([1, 2, 3], { maxTokens: 12, temperature: 0, stopTokens: [] })),
    ]);
    expect(ended.at(-1)).toBe("large");
    expect(steps.length).toBeGreaterThanOrEqual(12);
    first.logits.forEach((values, index) => expectClose(values, alone.large.logits[index]!, exact));
    second.logits.forEach((values, index) => expectClose(values, alone.small.logits[index]!, exact));
    expect(text.tokens).toEqual(alone.text.tokens);
  });

  it("goes on with the others when one is cancelled or fails", async () => {
    await using model = await Model.load(tiny.parts);
    const sentences = makeSentences(3, 100, 64, 61);
    const { logits } = await model.forward(sentences);
    const cancelled = new AbortController();
    const lost = model.forward(sentences, { signal: cancelled.signal });
    const kept = [model.forward(sentences), model.forward(sentences)];
    await Promise.resolve();
    cancelled.abort();
    await expect(lost).rejects.toMatchObject({ name: "CancelledError" });
    for (const { logits: own } of await Promise.all(kept))
      own.forEach((values, index) => expectClose(values, logits[index]!, exact));
  });
});

describe("calls on several queues", () => {
  it("go to those that have least to do", async () => {
    const watched = await WatchedGpu.create();
    await using model = await Model.load(tiny.parts, { gpu: watched.gpu, queues: 3 });
    const sentences = makeSentences(5, 6, 64, 61);
    const { logits } = await model.forward(sentences);
    const submissions = watched.devices.map(() => 0);
    for (const [index, { queue }] of watched.devices.entries()) {
      const submit = queue.submit.bind(queue);
      queue.submit = (commands) => {
        submissions[index]!++;
        return submit(commands);
      };
    }
    const alone = await Promise.all(sentences.map((own) => model.forward([own], { queues: 1 })));
    for (const [index, own] of alone.entries()) expectClose(own.logits[0]!, logits[index]!, exact);
    expect(Math.min(...submissions)).toBeGreaterThan(0);
    // Nothing is under way any more: the first of all is the first again.
    submissions.fill(0);
    await model.forward(sentences.slice(0, 1), { queues: 1 });
    expect(submissions.map((count) => count > 0)).toEqual([true, false, false]);
  });
});

describe("gpuBudgetMs", () => {
  it("cuts work into more submissions with the same bits", async () => {
    await using model = await Model.load(tiny.parts, { sliceTokens: 4 });
    const sentences = makeSentences(4, 60, 64, 61);
    const whole = await model.forward(sentences, { output: "all" });
    const cut = await model.forward(sentences, { output: "all", gpuBudgetMs: 0.5 });
    expect(cut.stats.submissions).toBeGreaterThan(2 * whole.stats.submissions);
    cut.logits.forEach((values, index) => expectClose(values, whole.logits[index]!, exact));
  });

  it("also bounds the rows of generation's steps", async () => {
    const prompt = Array.from({ length: 60 }, (_, index) => index);
    const rowsOf = async (gpuBudgetMs: number | undefined): Promise<number> => {
      await using model = await Model.load(tiny.parts, gpuBudgetMs === undefined ? {} : { gpuBudgetMs });
      // The first texts teach it how long steps take.
      for (const count of [20, 40]) await model.generate(prompt.slice(0, count), { maxTokens: 3 });
      let most = 0;
      model.watchSteps(({ parts }) => {
        most = Math.max(
          most,
          parts.reduce((sum, { tokenCount }) => sum + tokenCount, 0),
        );
      });
      await model.generate(prompt.toReversed(), { maxTokens: 3 });
      return most;
    };
    expect(await rowsOf(undefined)).toBe(60);
    expect(await rowsOf(0.01)).toBe(8);
  });

  it.each([0, -1, Number.NaN, Infinity])("refuses %d", async (gpuBudgetMs) => {
    await expect(Model.load(tiny.parts, { gpuBudgetMs })).rejects.toMatchObject({
      name: "ArgumentError",
      argument: "gpuBudgetMs",
    });
  });
});
