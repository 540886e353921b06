// What a caller of generation can get wrong: the handle rejects with an error that says what was expected, what came and
// what to do, and nothing else is disturbed.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ArgumentError, FormatError } from "../../src/errors.js";
import type { Generation } from "../../src/runtime/generate/handle.js";
import type { GenerateOptions, Prompt } from "../../src/runtime/generate/generator.js";
import { Model } from "../../src/runtime/model.js";
import type { LoadOptions } from "../../src/runtime/load/load-options.js";
import { rejection } from "../helpers/rejection.js";
import { makeTinyModel } from "../helpers/tiny-model.js";
import {
  expectIdle,
  expectSameAsAlone,
  makeWriter,
  readAll,
  writerContext,
  writerVocabulary,
} from "../helpers/tiny-writer.js";

const chatTemplate =
  "{% for message in messages %}{{ message['role'] }}{{ message['content'] }}{% endfor %}{{ eos_token }}";

function expectArgumentError(error: Error, argument: string): void {
  expect(error).toBeInstanceOf(ArgumentError);
  expect(error).toMatchObject({ name: "ArgumentError", argument });
  expect(error.message).toMatch(/^[^:]+: expected .+, received .+\.( [A-Z].+\.)?$/);
}

let model: Model;
let alone: Generation;
const good = { seed: 1, maxTokens: 12, logProbabilities: true };

beforeAll(async () => {
  model = await Model.load(makeWriter({}, { tokenizerConfig: { eos_token: "<end>" } }));
  alone = await model.generate("abc", good);
});

afterAll(async () => {
  expectSameAsAlone(await model.generate("abc", good), alone, "after everything");
  expectIdle(model);
  await model[Symbol.asyncDispose]();
});

const nan = Number.NaN;
const badOptions: [option: string, values: readonly unknown[], argument?: string][] = [
  ["temperature", [-0.1, nan, Infinity, "1"]],
  ["topP", [0, -1, 1.5, nan, "0.5"]],
  ["minP", [-0.1, 1.1, nan]],
  ["topK", [-1, 1.5, nan, "3"]],
  ["repetitionPenalty", [0, -1, nan]],
  ["frequencyPenalty", [nan, 1e9]],
  ["presencePenalty", [nan, "1"]],
  ["logitBias", [{ 1: nan }], "logitBias[1]"],
  ["logitBias", [{ [writerVocabulary]: 1 }], `the key of logitBias[${writerVocabulary}]`],
  ["logitBias", [{ word: 1 }], "the key of logitBias[word]"],
  ["maxTokens", [0, -1, nan, 1.5, Infinity, "3"]],
  ["seed", [-1, 1.5, nan, 2 ** 53, "1"]],
  ["priority", [nan, 0.5, Infinity, "high"]],
  ["stop", ["", 7, ["a", ""], [3], null]],
  ["stopTokens", [7, "a"]],
  [
    "stopTokens",
    [
      [1, writerVocabulary],
      [0, -1],
      [0, 0.5],
      [0, nan],
      [0, "1"],
      [0, undefined],
    ],
    "stopTokens[1]",
  ],
];

describe.each(badOptions)("the option %s", (option, values, argument = option) => {
  it.each(values.map((value) => [value]))("of %j is refused", async (value) => {
    const handle = model.generate("abc", { [option]: value });
    expectArgumentError(await rejection(Promise.resolve(handle)), argument);
    expect(await rejection(readAll(handle))).toBeInstanceOf(ArgumentError);
    // Refused before anything was asked of the GPU.
    expectIdle(model);
  });
});

const badPrompts: readonly (readonly [label: string, prompt: unknown, argument: string])[] = [
  ["an empty text", "", "prompt"],
  ["no tokens in an array of words", new Uint32Array(), "prompt"],
  ["as many tokens as the context", Array(writerContext).fill(1), "prompt"],
  ["a text as long as the context", "a".repeat(writerContext), "prompt"],
  ["an id beyond the vocabulary", [1, writerVocabulary], "prompt[1]"],
  ["a negative id", [-1], "prompt[0]"],
  ["half an id", [0.5], "prompt[0]"],
  ["an id that is NaN", [nan], "prompt[0]"],
  ["nothing", undefined, "prompt"],
  ["null", null, "prompt"],
  ["a number", 7, "prompt"],
  ["an object", { text: "abc" }, "prompt"],
  ["messages, for a model without a chat template", [{ role: "user", content: "abc" }], "messages"],
];

describe("the prompt", () => {
  it.each(badPrompts)("of %s is refused", async (_, prompt, argument) => {
    const handle = model.generate(prompt as Prompt);
    expectArgumentError(await rejection(Promise.resolve(handle)), argument);
    expectIdle(model);
  });

  it.each(badPrompts.filter(([, prompt]) => prompt !== undefined && typeof prompt !== "number"))(
    "of %s fails alone in a list",
    async (_, prompt, argument) => {
      const [first, bad, last] = model.generate(["abc", prompt as string, "abc"], good);
      expectArgumentError(await rejection(Promise.resolve(bad!)), argument);
      for (const handle of [first!, last!]) expectSameAsAlone(await handle, alone, "a good one");
    },
  );

  it("may have all tokens of the context but one", async () => {
    const { tokens, finishReason } = await model.generate("a".repeat(writerContext - 1));
    expect(tokens).toHaveLength(1);
    expect(finishReason).toBe("length");
  });

  it("may be ids in any form", async () => {
    const ids = await model.encode("abc");
    expectSameAsAlone(await model.generate(ids, good), alone, "ids");
    expectSameAsAlone(await model.generate(Uint32Array.from(ids), good), alone, "words");
  });
});

it("the options may be left out or undefined", async () => {
  const options = Object.fromEntries(
    badOptions.map(([option]) => [option, undefined]),
  ) as unknown as GenerateOptions;
  // It draws nothing without a generation_config.json.
  const [a, b] = await Promise.all([model.generate("abc", options), model.generate("abc")]);
  expect(a.tokens).toEqual(b.tokens);
  expect(a.tokens).toHaveLength(writerContext - 3);
});

describe("a model without a tokenizer", () => {
  it("takes ids, and says what it needs for text", async () => {
    await using bare = await Model.load(makeTinyModel({ contextLength: 40 }).parts);
    const { text, tokens } = await bare.generate([1], { maxTokens: 3 });
    expect(text).toBe("");
    expect(tokens).toHaveLength(3);
    expect(await readAll(bare.generate([1], { maxTokens: 3 }))).toEqual([]);
    for (const [call, argument] of [
      [bare.generate("abc"), "prompt"],
      [bare.generate([1], { stop: "a" }), "stop"],
      [bare.chat([{ role: "user", content: "abc" }]), "messages"],
    ] as const)
      expectArgumentError(await rejection(Promise.resolve(call)), argument);
  });
});

describe("special tokens that are generated", () => {
  // The likeliest at once, and no longer the one that ends the text.
  const options = { logitBias: { 36: 1e4 }, stopTokens: [], temperature: 0, maxTokens: 3 };

  it("are no part of the text, or are where that is asked for", async () => {
    const { text, tokens } = await model.generate("abc", options);
    expect([text, tokens]).toEqual(["", [36, 36, 36]]);
    const kept = model.generate("abc", { ...options, keepSpecialTokens: true });
    expect((await readAll(kept)).join("")).toBe("<end><end><end>");
    expect((await kept).text).toBe("<end><end><end>");
  });

  it("are no part of it where they end it", async () => {
    const { text, finishReason } = await model.generate("abc", {
      ...options,
      stopTokens: [36],
      keepSpecialTokens: true,
    });
    expect([text, finishReason]).toEqual(["", "stop"]);
  });
});

describe("a conversation", () => {
  it("is rendered by the model's template", async () => {
    const tokenizerConfig = { eos_token: "<end>", chat_template: chatTemplate };
    await using chatty = await Model.load(makeWriter({}, { tokenizerConfig }));
    const messages = [{ role: "user", content: "abc" }];
    const own = await chatty.chat(messages, good);
    expectSameAsAlone(own, await chatty.generate("userabc<end>", good), "the text");
    expect(own.usage.promptTokens).toBe(8);
    expectSameAsAlone(await chatty.generate(messages, good), own, "messages as a prompt");
    const [first] = chatty.generate([messages], good);
    expectSameAsAlone(await first!, own, "in a list");
    expectArgumentError(await rejection(Promise.resolve(chatty.chat([]))), "prompt");
  });
});

describe("loading", () => {
  it.each([
    ["maxConcurrentRequests", [0, -1, 1.5, 257, nan]],
    ["cacheBytes", [0, -1, nan, 0.5]],
  ] as const)("refuses %s of no use", async (option, values) => {
    for (const value of values)
      expectArgumentError(
        await rejection(Model.load(makeWriter(), { [option]: value } satisfies LoadOptions)),
        option,
      );
  });

  it("takes the defaults of generation_config.json, and refuses bad ones", async () => {
    const generationConfig = { do_sample: true, temperature: 0.5, max_new_tokens: 5, eos_token_id: 7 };
    await using drawing = await Model.load(makeWriter({}, { generationConfig }));
    const { tokens } = await drawing.generate("abc", { stopTokens: [] });
    expect(tokens).toHaveLength(5);
    const explicit = { temperature: 0.5, maxTokens: 30, stopTokens: [7], seed: 3 };
    expect((await drawing.generate("abc", { seed: 3, maxTokens: 30 })).tokens).toEqual(
      (await model.generate("abc", explicit)).tokens,
    );
    const bounded = await Model.load(
      makeWriter({}, { generationConfig: { max_length: 9, eos_token_id: [] } }),
    );
    expect((await bounded.generate([1, 2, 3])).tokens.length).toBe(6);
    bounded.dispose();
    await using again = await Model.load(await drawing.save());
    expect((await again.generate("abc", { seed: 3 })).tokens).toEqual(
      (await drawing.generate("abc", { seed: 3 })).tokens,
    );
    const error = await rejection(Model.load(makeWriter({}, { generationConfig: { max_new_tokens: 0 } })));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toMatch(/^generation_config\.json: max_new_tokens: expected/);
  });
});
