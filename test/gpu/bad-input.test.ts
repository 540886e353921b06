// What a caller can get wrong: every case gives a typed error that says what was expected and what came, and leaves the
// model as it was.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ArgumentError, DeviceError, FetchError, FormatError, ShapeError } from "../../src/errors.js";
import { Model } from "../../src/runtime/model.js";
import type { RunOptions } from "../../src/runtime/passes/pass-options.js";
import { writeSafetensors } from "../../src/files/safetensors-writer.js";
import type { ModelSource } from "../../src/files/source.js";
import { repositoryFile } from "../helpers/data-files.js";
import { rejection } from "../helpers/rejection.js";
import { SteadyModel } from "../helpers/steady-model.js";
import { makeTinyModel } from "../helpers/tiny-model.js";
import { WatchedGpu } from "../helpers/watched-gpu.js";

const context = 24;
const vocabulary = 13;

function expectArgumentError(error: Error, argument: string): void {
  expect(error).toBeInstanceOf(ArgumentError);
  expect(error).toMatchObject({ name: "ArgumentError", argument });
  expect(error.message).toMatch(/^\S+: expected .+, received .+\.( [A-Z].+\.)?$/);
}

const numbers: readonly (readonly [label: string, value: unknown])[] = [
  ["0", 0],
  ["−1", -1],
  ["1.5", 1.5],
  ["NaN", Number.NaN],
  ["a string", "2"],
];

describe("a call", () => {
  let steady: SteadyModel;
  beforeAll(async () => {
    steady = await SteadyModel.load({ queues: 2, sliceTokens: 4 });
  });
  afterAll(async () => {
    await steady.expectUnchanged();
    await steady.end();
  });

  const badSentences: readonly (readonly [label: string, sentences: unknown, argument: string])[] = [
    ["no sentences", undefined, "sentences"],
    ["an empty batch", [], "sentences"],
    ["a text for a batch", "once", "sentences"],
    ["an empty sentence", [[1, 2], []], "sentences[1]"],
    ["a number for a sentence", [7], "sentences[0]"],
    ["a sentence longer than the context", [[1, 2], Array(context + 1).fill(1)], "sentences[1]"],
    ["an id beyond the vocabulary", [[1, 2, vocabulary]], "sentences[0][2]"],
    ["a negative id", [[-1, 2]], "sentences[0][0]"],
    ["half an id", [[2, 1.5]], "sentences[0][1]"],
    ["an id that is NaN", [[Number.NaN, 2]], "sentences[0][0]"],
    ["an id that is text", [["1", 2]], "sentences[0][0]"],
    ["an id beyond 32 bits", [[2 ** 32, 2]], "sentences[0][0]"],
    ["an id that is undefined", [Array.from({ length: 2 })], "sentences[0][0]"],
  ];
  const badOptions: readonly (readonly [label: string, options: object, argument: string])[] = [
    ...[...numbers, ["more than the context", context + 1] as const].map(
      ([label, sliceTokens]) => [`k of ${label}`, { sliceTokens }, "sliceTokens"] as const,
    ),
    ...[...numbers, ["more than loaded", 3] as const].map(
      ([label, queues]) => [`queues of ${label}`, { queues }, "queues"] as const,
    ),
    ["an unknown fence", { fence: "none" }, "fence"],
    ["an unknown placement", { placement: "free" }, "placement"],
  ];

  it.each(badSentences)("of forward with %s", async (_, sentences, argument) => {
    expectArgumentError(await rejection(steady.model.forward(sentences as number[][])), argument);
    await steady.expectUnchanged();
  });

  it.each(badOptions)("with %s", async (_, options, argument) => {
    expectArgumentError(await rejection(steady.model.forward([[1, 2]], options as RunOptions)), argument);
    expectArgumentError(await rejection(steady.model.score([[1, 2]], options)), argument);
    await steady.expectUnchanged();
  });

  it("of forward with an unknown output", async () => {
    const call = steady.model.forward([[1]], { output: "logits" as "all" });
    expectArgumentError(await rejection(call), "output");
    await steady.expectUnchanged();
  });

  it.each([
    ...badSentences,
    ["one token", [[1, 2], [1]], "sentences[1]"] as const,
    ["text where the model has no tokenizer", ["once"], "text"] as const,
  ])("of score with %s", async (_, sentences, argument) => {
    expectArgumentError(await rejection(steady.model.score(sentences as number[][])), argument);
    await steady.expectUnchanged();
  });

  it("of encode and decode where the model has no tokenizer", async () => {
    expectArgumentError(await rejection(steady.model.encode("once")), "text");
    expectArgumentError(await rejection(steady.model.decode([1])), "text");
  });

  it("with a batch beyond what a binding holds", async () => {
    const small = await SteadyModel.load({ maxBindingBytes: 4096 }, { contextLength: 4 });
    const error = await rejection(small.model.forward(Array.from({ length: 20 }, () => [1, 2])));
    expect(error).toBeInstanceOf(DeviceError);
    expect(error).toMatchObject({ reason: "limit" });
    expect(error.message).toMatch(/40 tokens in one call.*hold 32\. Pass at most 32 tokens/);
    await small.expectUnchanged();
    await small.end();
  });
});

describe("Model.load", () => {
  const tiny = makeTinyModel();
  let watched: WatchedGpu;
  beforeAll(async () => {
    watched = await WatchedGpu.create();
  });
  const load = (source: unknown, options: object = {}): Promise<Error> =>
    rejection(Model.load(source as ModelSource, { gpu: watched.gpu, ...options }));
  const withWeights = (weights: Uint8Array): object => ({ config: tiny.config, weights });
  const withConfig = (change: object): object => ({ ...tiny.parts, config: { ...tiny.config, ...change } });

  it.each([
    ...[...numbers, ["9", 9] as const].map(
      ([label, queues]) => [`queues of ${label}`, tiny.parts, { queues }, "queues"] as const,
    ),
    ...[...numbers, ["more than the context", context + 1] as const].map(
      ([label, sliceTokens]) => [`k of ${label}`, tiny.parts, { sliceTokens }, "sliceTokens"] as const,
    ),
    ...[...numbers.slice(0, 2), numbers[3]!].flatMap(([label, value]) =>
      ["memoryBudgetBytes", "maxBindingBytes"].map(
        (option) => [`${option} of ${label}`, tiny.parts, { [option]: value }, option] as const,
      ),
    ),
    ["an entry point that is none", tiny.parts, { gpu: {} }, "gpu"] as const,
    ["no source", undefined, {}, "source"] as const,
    ["an empty source", "", {}, "source"] as const,
    ["a config alone", { config: tiny.config }, {}, "source"] as const,
  ])("refuses %s before it opens a device", async (_, source, options, argument) => {
    expectArgumentError(await load(source, options), argument);
    expect(watched.devices).toEqual([]);
  });

  it("refuses weights over the caller's budget before it opens a device", async () => {
    using model = await Model.load(tiny.parts);
    const { weightBytes } = model.info;
    (await Model.load(tiny.parts, { memoryBudgetBytes: weightBytes })).dispose();
    const error = await load(tiny.parts, { queues: 2, memoryBudgetBytes: 2 * weightBytes - 1 });
    expect(error).toBeInstanceOf(DeviceError);
    expect(error).toMatchObject({ reason: "limit" });
    expect(error.message).toMatch(/need \d+ bytes on each of 2 queues, the budget is \d+\. Raise/);
    expect(watched.devices).toEqual([]);
  });

  it("refuses a weight beyond what a binding holds, and closes the devices", async () => {
    const error = await load(tiny.parts, { maxBindingBytes: 1024 });
    expect(error).toBeInstanceOf(DeviceError);
    expect(error).toMatchObject({ reason: "limit" });
    expect(error.message).toMatch(/"layer-0\.queryKeyValue\.weight" has \d+ bytes.* holds 1024\. Use/);
    await watched.allClosed();
  });

  const badFiles: readonly (readonly [
    label: string,
    source: object,
    kind: typeof FormatError | typeof ShapeError,
    message: RegExp,
  ])[] = [
    [
      "a config without n_layer",
      withConfig({ n_layer: undefined }),
      FormatError,
      /n_layer: expected a whole/,
    ],
    ["another architecture", withConfig({ model_type: "mamba" }), FormatError, /model_type: expected a type/],
    ["an unknown activation", withConfig({ activation_function: "swish" }), FormatError, /expected gelu_new/],
    ["weights that are cut", withWeights(tiny.parts.weights.slice(0, -5)), FormatError, /truncated/],
    ["weights cut in the header", withWeights(tiny.parts.weights.slice(0, 99)), FormatError, /header/],
    ["weights of no byte", withWeights(new Uint8Array(0)), FormatError, /truncated/],
    [
      "bytes behind the weights",
      withWeights(concatenate(tiny.parts.weights, 3)),
      FormatError,
      /after the last/,
    ],
    ["a missing tensor", withWeights(writeSafetensors(tiny.tensors.slice(1))), FormatError, /wte\.weight/],
    ["another width", withConfig({ n_embd: 12 }), ShapeError, /expected F32.*, received F32 \[30\]/],
    [
      "a number format weft does not read",
      withWeights(writeSafetensors(tiny.tensors.map((tensor) => ({ ...tensor, dtype: "I32" })))),
      ShapeError,
      /expected F32, F16 or BF16.*received I32/,
    ],
  ];
  it.each(badFiles)("refuses %s, and closes the devices", async (_, source, kind, message) => {
    const error = await load(source);
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toMatch(message);
    await watched.allClosed();
  });

  it("refuses a folder that is not there", async () => {
    const error = await load(repositoryFile("no/such/folder"));
    expect(error).toBeInstanceOf(FetchError);
    expect(error.message).toMatch(/no\/such\/folder\/? config\.json: there is no such file\. A model folder/);
    await watched.allClosed();
  });

  it("says when WebGPU gives no adapter", async () => {
    const gpu = { requestAdapter: () => Promise.resolve(null) };
    const error = await load(tiny.parts, { gpu });
    expect(error).toBeInstanceOf(DeviceError);
    expect(error).toMatchObject({ reason: "no-adapter" });
    expect(error.message).toMatch(/gave no adapter\. Install the GPU.s driver/);
  });

  it("says when an adapter gives no device", async () => {
    const adapter = {
      features: new Set(),
      limits: {},
      info: {},
      requestDevice: () => Promise.reject(new Error("used up")),
    };
    const error = await load(tiny.parts, { gpu: { requestAdapter: () => Promise.resolve(adapter) } });
    expect(error).toBeInstanceOf(DeviceError);
    expect(error).toMatchObject({ reason: "lost" });
    expect(error.message).toMatch(/no device for queue 0 \(used up\)\. Load/);
  });
});

function concatenate(bytes: Uint8Array, more: number): Uint8Array {
  const result = new Uint8Array(bytes.length + more);
  result.set(bytes);
  return result;
}
