// What may be written after `npm run generate --`.
import { expect, it } from "vitest";
import { parseGenerateOptions } from "../../../src/cli/generate/options.js";
import { OptionError } from "../../../src/cli/terminal/option-values.js";

it("takes every option, and leaves to the model what is not given", () => {
  const sampling = [
    "--temperature",
    "0",
    "--top-k",
    "0",
    "--top-p",
    "1",
    "--min-p",
    ".05",
    "--max-tokens",
    "5",
  ];
  const others = ["--repetition-penalty", "1.1", "--seed", "0", "--stop", "a", "--stop", "b", "--count", "3"];
  expect(
    parseGenerateOptions([...sampling, "Once", ...others, "--queues", "2", "--cache", "f16"]),
  ).toMatchObject({
    prompt: "Once",
    count: 3,
    queues: 2,
    cache: "f16",
    options: {
      temperature: 0,
      topK: 0,
      topP: 1,
      minP: 0.05,
      maxTokens: 5,
      repetitionPenalty: 1.1,
      seed: 0,
      stop: ["a", "b"],
    },
  });
  const { options, ...bare } = parseGenerateOptions(["Once"]);
  expect(bare).toMatchObject({
    count: 1,
    queues: 1,
    cache: "f32",
    model: undefined,
    json: undefined,
    help: false,
  });
  expect(Object.keys(options)).toEqual(["seed"]);
  expect(Number.isInteger(options.seed)).toBe(true);
  expect(parseGenerateOptions(["--help"]).help).toBe(true);
  // What is piped in: asked for, or where there is no other.
  expect(parseGenerateOptions(["-"]).prompt).toBeUndefined();
  expect(parseGenerateOptions([], true).prompt).toBeUndefined();
  expect(parseGenerateOptions(["Once"], true).prompt).toBe("Once");
});

it.each([
  [[], "expected a text to continue"],
  [["a", "b"], 'expected one text, in quotes, received also "b"'],
  [["a", "--nope"], "Unknown option '--nope'"],
  [["a", "--max-tokens", "0"], '--max-tokens: expected a whole number of at least 1, received "0"'],
  [["a", "--temperature=-1"], '--temperature: expected a number from 0 to 100, received "-1"'],
  [["a", "--temperature", "hot"], 'received "hot"'],
  [["a", "--top-k", "1.5"], '--top-k: expected a whole number of at least 0, received "1.5"'],
  [["a", "--top-p", "0"], '--top-p: expected a number above 0, at most 1, received "0"'],
  [["a", "--min-p", "1.1"], "--min-p: expected a number from 0 to 1"],
  [["a", "--repetition-penalty", "0"], "--repetition-penalty: expected a number from 0.01 to 100"],
  [["a", "--seed", "1.5"], "--seed: expected a whole number from 0 to"],
  [["a", "--stop", ""], "--stop: expected a text, received an empty one"],
  [["a", "--count", "257"], "--count: expected a whole number from 1 to 256"],
  [["a", "--queues", "9"], "--queues: expected a whole number from 1 to 8"],
  [["a", "--cache", "f64"], '--cache: expected f32 or f16, received "f64"'],
  [["a", "--model", "no-such-folder"], "--model: there is no folder"],
])("refuses %j in one line", (args, words) => {
  expect(() => parseGenerateOptions(args)).toThrow(OptionError);
  expect(() => parseGenerateOptions(args)).toThrow(words);
  expect(() => parseGenerateOptions(args)).toThrow(/^.+$/);
});
