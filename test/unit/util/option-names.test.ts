// Options that do not exist are refused, with the name that was probably meant.
import { describe, expect, it } from "vitest";
import { createModelParts, describeModel, renderTimeline } from "../../../src/index.js";
import { ArgumentError } from "../../../src/errors.js";
import { checkOptimizer } from "../../../src/runtime/train/optimizer-options.js";
import { checkOptionNames } from "../../../src/util/option-names.js";

const names = { maxTokens: true, temperature: true, topK: true, signal: true, onProgress: true } as const;
const check = (options: unknown): void => checkOptionNames(options as object, names);

describe("checkOptionNames", () => {
  it("accepts known names, whatever their values", () => {
    check({});
    check({ maxTokens: undefined, topK: "x" });
  });

  it("accepts signals and callbacks that are some", () => {
    check({ signal: new AbortController().signal, onProgress: () => undefined });
    check({ signal: undefined, onProgress: undefined });
    for (const [options, words] of [
      [{ signal: {} }, "signal: expected an AbortSignal, received an object (Object)"],
      [{ signal: null }, "signal: expected an AbortSignal, received null"],
      [{ onProgress: 1 }, "onProgress: expected a function, received 1"],
    ] as const)
      expect(() => check(options)).toThrow(words);
  });

  it.each([
    ["max_new_tokens", "maxTokens"],
    ["max_tokens", "maxTokens"],
    ["temprature", "temperature"],
    ["top_k", "topK"],
  ])("takes %s for %s", (name, meant) => {
    expect(() => check({ [name]: 3 })).toThrow(ArgumentError);
    expect(() => check({ [name]: 3 })).toThrow(
      `options: expected known names, received "${name}". Perhaps ${meant} was meant. There are maxTokens, `,
    );
  });

  it("guesses nothing where nothing is near", () => {
    expect(() => check({ tools: [] })).toThrow(
      'received "tools". There are maxTokens, temperature, topK, signal, onProgress.',
    );
    expect(() => check({ toString: 1 })).toThrow(ArgumentError);
    expect(() => check({ ["x".repeat(1e6)]: 1 })).toThrow(ArgumentError);
  });

  it.each([[null], ["text"], [3], [[]]])("refuses %j for options", (options) => {
    expect(() => check(options)).toThrow("options: expected an object with options, received");
  });
});

it("calls that need no GPU check their options", async () => {
  const shape = { layers: 1, heads: 1, channels: 4, contextLength: 8, vocabularySize: 8 };
  expect(() => createModelParts({ ...shape, n_embd: 4 } as never)).toThrow('received "n_embd"');
  expect(() => createModelParts({ ...shape, vocabulary_size: 8 } as never)).toThrow(
    "Perhaps vocabularySize was meant",
  );
  await expect(describeModel("none", { dtype: "f32" } as never)).rejects.toThrow('received "dtype"');
  expect(() => renderTimeline({} as never, { widht: 3 } as never)).toThrow("Perhaps width was meant");
  expect(() => checkOptimizer({ kind: "sgd", beta1: 0.9 } as never)).toThrow(
    'optimizer: expected known names, received "beta1"',
  );
});
