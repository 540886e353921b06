// Trained models generate what was published for them, and text as a user sees it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Model } from "../../src/runtime/model.js";
import { describeWithSharedModel, readJson, repositoryFile } from "../helpers/data-files.js";
import { expectIdle, readAll } from "../helpers/tiny-writer.js";

await describeWithSharedModel("gpt2-slm4096", 1, (folder) => {
  it("generates the published tokens up to its context", async () => {
    const { greedy } = (await readJson<{
      greedy: readonly { prompt_ids: number[]; ids: number[] }[];
    }>(`${folder}/expected.json`))!;
    await using model = await Model.load(folder);
    const { contextLength } = model.info.config;
    expect(contextLength).toBe(128);
    // One of the three is longer than the context.
    const whole = model.generate(
      greedy.map(({ prompt_ids: ids }) => ids),
      { temperature: 0 },
    );
    for (const [index, { prompt_ids: promptIds, ids }] of greedy.entries()) {
      const { tokens, finishReason, usage, text } = await whole[index]!;
      expect(finishReason).toBe("length");
      expect(promptIds.length + tokens.length).toBe(contextLength);
      expect(usage).toEqual({ promptTokens: promptIds.length, completionTokens: tokens.length });
      expect([...promptIds, ...tokens].slice(0, ids.length)).toEqual(ids.slice(0, contextLength));
      // The model has no tokenizer.
      expect(text).toBe("");
    }
    expect(greedy.some(({ ids }) => ids.length > contextLength)).toBe(true);
  });
});

await describeWithSharedModel("tinystories-gpt2", 1, (folder) => {
  it("generates the published tokens and their text, alone and together", async () => {
    const { prompts } = (await readJson<{
      prompts: readonly { text: string; ids: number[]; greedy_ids: number[]; greedy_text: string }[];
    }>(`${folder}/expected.json`))!;
    await using model = await Model.load(folder, { queues: 2 });
    const options = { temperature: 0, topK: 0, stopTokens: [] };
    const together = prompts.map(({ ids, greedy_ids: tokens }) =>
      model.generate(ids, { ...options, maxTokens: tokens.length }),
    );
    for (const [index, { greedy_ids: tokens, greedy_text: text }] of prompts.entries()) {
      const own = await together[index]!;
      expect(own).toMatchObject({ tokens, finishReason: "length" });
      // The end token is no text.
      expect(own.text).toBe(text.replaceAll("<|endoftext|>", ""));
    }
    const { ids, greedy_ids: tokens } = prompts[1]!;
    expect((await model.generate(ids, { ...options, maxTokens: tokens.length })).tokens).toEqual(tokens);
  });
});

describe("the embedded model", () => {
  let model: Model;
  beforeAll(async () => {
    model = await Model.load(repositoryFile("src/demo/models/tinystories-gpt2"), { queues: 2 });
  });
  afterAll(async () => {
    expectIdle(model);
    await model[Symbol.asyncDispose]();
  });

  it("streams pieces that are together the text of its tokens", async () => {
    const handle = model.generate("Once upon a time", { maxTokens: 30, seed: 3 });
    const pieces = await readAll(handle);
    const { text, tokens, usage, timings, finishReason } = await handle;
    expect(pieces.join("")).toBe(text);
    expect(pieces.length).toBeGreaterThan(20);
    expect(text).toBe(await model.decode(tokens));
    expect(text).toMatch(/^[,. ]/);
    expect(finishReason).toBe("length");
    expect(usage).toEqual({
      promptTokens: (await model.encode("Once upon a time")).length,
      completionTokens: 30,
    });
    expect(timings.queueMs).toBeGreaterThanOrEqual(0);
    expect(timings.firstTokenMs).toBeGreaterThan(timings.queueMs);
    expect(timings.totalMs).toBeGreaterThan(timings.firstTokenMs);
    expect(timings.tokensPerSecond).toBeGreaterThan(0);
    // Whoever comes late gets everything, too.
    expect(await readAll(handle)).toEqual(pieces);
  });

  it("ends at a stop string, also across tokens, and does not show it", async () => {
    const prompt = "Lily had a ball.";
    const whole = await model.generate(prompt, { temperature: 0, maxTokens: 40 });
    const stop = whole.text.slice(17, 24);
    expect(stop).toMatch(/ /);
    const handle = model.generate(prompt, { temperature: 0, maxTokens: 40, stop: ["never so", stop] });
    const pieces = await readAll(handle);
    const { text, finishReason, tokens } = await handle;
    expect(finishReason).toBe("stop");
    expect(text).toBe(whole.text.slice(0, whole.text.indexOf(stop)));
    expect(pieces.join("")).toBe(text);
    expect(tokens).toEqual(whole.tokens.slice(0, tokens.length));
    expect(await model.decode(tokens)).toContain(stop);
  });

  it("ends at its end token by itself, which is its last token and no text", async () => {
    const stories = await Promise.all(
      model.generate(
        Array.from({ length: 12 }, () => "The end of the story was that they were all happy. The end"),
        { seed: 1, maxTokens: 200 },
      ),
    );
    const ended = stories.find(({ finishReason }) => finishReason === "stop")!;
    expect(ended.tokens.at(-1)).toBe(1023);
    expect(ended.text).not.toContain("<|");
    expect(ended.text).toBe(await model.decode(ended.tokens.slice(0, -1)));
  });

  it("draws by its own defaults: the same seed the same text, another another", async () => {
    const seeds = [{ seed: 7 }, { seed: 7 }, { seed: 8 }, {}, {}];
    const stories = await Promise.all(
      seeds.map((options) => model.generate("Tom saw", { maxTokens: 16, ...options })),
    );
    const [a, b, c, d, e] = stories.map(({ text }) => text);
    expect(a).toBe(b);
    expect(c).not.toBe(a);
    expect(d).not.toBe(e);
  });

  it("gives the log-probabilities that scoring gives", async () => {
    const ids = await model.encode("The dog was");
    const { tokens, logProbabilities } = await model.generate(ids, {
      seed: 5,
      maxTokens: 12,
      logProbabilities: true,
    });
    const [score] = await model.score([[...ids, ...tokens]]);
    const expected = score!.logProbabilities.slice(-tokens.length);
    for (const [index, own] of logProbabilities!.entries()) expect(own).toBeCloseTo(expected[index]!, 4);
  });
});
