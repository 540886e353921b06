// Which model the options of a command stand for.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, it, vi } from "vitest";
import {
  chooseModel,
  choosePath,
  chooseRuntime,
  expectTokenizer,
  placeModel,
} from "../../../src/cli/terminal/model-choice.js";
import { OptionError } from "../../../src/cli/terminal/option-values.js";

const folder = mkdtempSync(join(tmpdir(), "weft-choice-"));
for (const name of ["config.json", "model.safetensors", "m.gguf"]) writeFileSync(join(folder, name), "");
const file = join(folder, "m.gguf");
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

it("is a folder, a GGUF file, a model of a hub, or the embedded one", () => {
  expect(chooseModel({})).toBeUndefined();
  expect(chooseModel({ model: folder })).toBe(folder);
  expect(chooseModel({ model: file })).toBe(file);
  expect(chooseModel({ model: "own/model" })).toEqual({ id: "own/model" });
  const own = { id: "own/model", revision: "v2", file: "Q8_0" };
  expect(chooseModel({ model: "own/model", revision: "v2", file: "Q8_0" })).toEqual(own);
  // A folder that is there comes before a hub.
  expect(chooseModel({ model: "test/fixtures/../../src/demo/models/tinystories-gpt2" })).toBeTypeOf("string");
});

it.each([
  [{ model: "own/other/model" }, "--model: there is no folder"],
  [{ model: "own/model.gguf" }, "--model: there is no file"],
  [{ model: tmpdir() }, "has no config.json"],
  [
    { model: folder, revision: "v2" },
    `--revision: expected a model of a hub beside it, owner/name, received "${folder}"`,
  ],
  [{ file: "Q8_0" }, '--file: expected a model of a hub beside it, owner/name, received "tinystories-gpt2"'],
])("refuses %j", (values, message) => {
  expect(() => chooseModel(values)).toThrow(OptionError);
  expect(() => chooseModel(values)).toThrow(message);
});

it("has a tokenizer where texts are to be read, which is found in GGUF files and on hubs when they are opened", () => {
  expect(() => expectTokenizer(folder)).toThrow("has no tokenizer.json");
  for (const model of [undefined, file, { id: "own/model" }]) expect(expectTokenizer(model)).toBe(model);
});

it("is on the disk for commands that take no other", () => {
  expect(choosePath(file)).toBe(file);
  expect(() => choosePath("own/model")).toThrow(
    /^--model: there is no folder .*own\/model; models of a hub are for /,
  );
});

it("of a hub is loaded in Node, which keeps downloads, unless the caller says otherwise", () => {
  vi.stubEnv("WEFT_CHROMIUM", "/usr/bin/chromium");
  expect(chooseRuntime(undefined, undefined)).toBe("chromium");
  expect(chooseRuntime(undefined, { id: "own/model" })).toBe("node");
  expect(chooseRuntime("chromium", { id: "own/model" })).toBe("chromium");
});

it("of a hub is asked for by a page with what the environment says", () => {
  vi.stubEnv("HF_ENDPOINT", "http://mirror");
  vi.stubEnv("HF_TOKEN", "secret");
  const own = { id: "own/model", file: "Q8_0" };
  expect(placeModel(own, "node")).toEqual({
    name: "own/model",
    address: "own/model",
    folders: {},
    hub: { file: "Q8_0" },
  });
  expect(placeModel(own, "chromium").hub).toEqual({
    file: "Q8_0",
    hub: "http://mirror",
    token: "secret",
    cacheFiles: false,
  });
  expect(placeModel(file, "chromium")).toEqual({
    name: "m.gguf",
    address: "/model/m.gguf",
    folders: { "/model/": folder },
  });
});
