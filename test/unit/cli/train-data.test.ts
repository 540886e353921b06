// Texts of data files, and the options of `npm run train`.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OptionError } from "../../../src/cli/terminal/option-values.js";
import { holdOut, parseTexts } from "../../../src/cli/train/data.js";
import { parseTrainOptions } from "../../../src/cli/train/options.js";

const parse = (file: string, content: string): string[] => parseTexts("--data", file, content);

describe("the texts of a data file", () => {
  it("are what blank lines separate", () => {
    expect(parse("a.txt", "one\nstill one\n\n two \n \t\n\n\nthree\n")).toEqual([
      "one\nstill one",
      "two",
      "three",
    ]);
    expect(parse("a.txt", "one\r\nstill one\r\n\r\ntwo")).toEqual(["one\nstill one", "two"]);
  });

  it("are the strings of an array, or the texts of its objects", () => {
    const array = [
      " one ",
      { text: "two" },
      { story: "three" },
      { prompt: "four", story: 4 },
      "",
      { text: "" },
    ];
    expect(parse("a.json", JSON.stringify(array))).toEqual(["one", "two", "three", "four"]);
    // And those of JSON lines, which are not one text with its brackets.
    const lines = array.map((entry) => JSON.stringify(entry)).join("\n");
    expect(parse("a.jsonl", lines)).toEqual(["one", "two", "three", "four"]);
    // A blank line inside a text is part of it.
    expect(parse("a.JSON", '["one\\n\\nstill one"]')).toEqual(["one\n\nstill one"]);
  });

  it.each([
    ["a.txt", " \n\n ", "--data: a.txt has no text in it"],
    ["a.json", "[]", "--data: a.json has no text in it"],
    ["a.json", "{", "--data: a.json is no JSON: "],
    ["a.json", '{"text":"one"}', "--data: expected an array in a.json"],
    [
      "a.json",
      '["one",7]',
      "--data: entry 1 of a.json: expected a text, or an object with text, story, prompt",
    ],
    ["a.json", '[{"title":"one"}]', "--data: entry 0 of a.json: expected a text"],
    ["a.json", "[null]", "--data: entry 0 of a.json: expected a text"],
    [
      "a.jsonl",
      '"one"\n7',
      "a.jsonl, line 2: expected a string, or an object with text, story, prompt, received 7",
    ],
  ])("are refused where there are none: %s with %j", (file, content, message) => {
    expect(() => parse(file, content)).toThrow(OptionError);
    expect(() => parse(file, content)).toThrow(message);
  });

  it("are held out from the end, never all of them", () => {
    expect(holdOut(["a", "b", "c"], 1)).toEqual({ train: ["a", "b"], validation: ["c"] });
    expect(holdOut(["a", "b"], 0)).toEqual({ train: ["a", "b"], validation: [] });
    expect(() => holdOut(["a", "b"], 2)).toThrow("--hold-out: expected fewer than the 2 texts");
  });
});

describe("the options of training", () => {
  let folder: string;
  let data: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "weft-train-options-"));
    data = join(folder, "data.txt");
    await writeFile(data, "text");
  });

  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  it("have defaults that follow the number of steps", () => {
    const command = parseTrainOptions(["--data", data, "--out", folder, "--steps", "50"]);
    expect(command).toMatchObject({ every: 5, queues: 1, holdOut: 0, fresh: undefined, model: undefined });
    expect(command.options).toEqual({
      steps: 50,
      batchTokens: 1024,
      accumulate: 1,
      shares: 2,
      seed: 0,
      recompute: false,
      schedule: { peak: 1e-3, warmupSteps: 5, decay: "cosine" },
      optimizer: { kind: "adamw", clipNorm: 1 },
    });
  });

  it("describe a new model and another optimizer", () => {
    const fresh = ["--fresh", "--layers", "3", "--channels", "24", "--heads", "3", "--context", "20"];
    const sgd = ["--optimizer", "sgd", "--weight-decay", "0.2", "--clip", "5", "--rate", "0.5"];
    const command = parseTrainOptions([
      "--data",
      data,
      "--out",
      folder,
      ...fresh,
      ...sgd,
      "--slice",
      "5",
      "--recompute",
    ]);
    expect(command.fresh).toEqual({ layers: 3, channels: 24, heads: 3, contextLength: 20 });
    expect(command.options).toMatchObject({
      sliceTokens: 5,
      recompute: true,
      schedule: { peak: 0.5 },
      optimizer: { kind: "sgd", momentum: 0.9, weightDecay: 0.2, clipNorm: 5 },
    });
  });

  it("take the model beside a checkpoint", async () => {
    const checkpoint = join(folder, "checkpoint.safetensors");
    await writeFile(checkpoint, "");
    const args = ["--data", data, "--out", join(folder, "on"), "--resume", checkpoint];
    expect(parseTrainOptions(args).model).toBeUndefined();
    for (const file of ["config.json", "model.safetensors", "tokenizer.json"])
      await writeFile(join(folder, file), "");
    expect(parseTrainOptions(args)).toMatchObject({ model: folder, resume: checkpoint });
    expect(parseTrainOptions([...args, "--fresh"]).model).toBeUndefined();
  });

  it.each([
    [[], "expected --data, as in"],
    [["--data", "."], "expected --out, as in"],
    [["--data", "no-such-file", "--out", "o"], "--data: there is no file"],
    [["--steps", "0"], '--steps: expected a whole number of at least 1, received "0"'],
    [["--rate=-1"], "--rate: expected a number from 0 to 100"],
    [["--decay", "step"], '--decay: expected cosine or linear or constant, received "step"'],
    [["--optimizer", "magic"], '--optimizer: expected adamw or sgd, received "magic"'],
    [["--queues", "3"], "--queues: expected a whole number from 1 to 2"],
    [["--layers", "2"], "--layers is the shape of a new model: expected --fresh with it"],
    [["--fresh", "--heads", "5"], '--heads: expected a divisor of the 64 channels, received "5"'],
    [["--validation", ".", "--hold-out", "2"], "expected --validation or --hold-out, received both"],
    [["--nope"], "Unknown option '--nope'"],
  ])("refuse %j", (args, message) => {
    const isWhole = args.length > 0 && args[0] !== "--data";
    const parseAll = (): unknown =>
      parseTrainOptions(isWhole ? ["--data", data, "--out", folder, ...args] : args);
    expect(parseAll).toThrow(OptionError);
    expect(parseAll).toThrow(message);
  });
});
