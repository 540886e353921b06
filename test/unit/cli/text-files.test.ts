// The files of texts that commands take.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { OptionError } from "../../../src/cli/terminal/option-values.js";
import { readLines, readTextFile } from "../../../src/cli/terminal/text-files.js";
import { parseTexts } from "../../../src/cli/train/data.js";

describe("texts of a file", () => {
  it("are its lines, or the strings and texts of JSON lines", () => {
    expect(readLines("one\r\n\n two \n", "a.txt")).toEqual(["one", " two "]);
    const lines = '"one"\n{"id":7,"text":"two\\nlines"}\n\n{"story":"three"}\n';
    expect(readLines(lines, "a.jsonl")).toEqual(["one", "two\nlines", "three"]);
  });

  it("are refused with their line", () => {
    expect(() => readLines('"one"\n{"words":1}', "a.jsonl")).toThrow(OptionError);
    expect(() => readLines('"one"\n{"words":1}', "a.jsonl")).toThrow(
      /a\.jsonl, line 2: expected a string, or/,
    );
    expect(() => readLines("one", "a.jsonl")).toThrow(/line 1: expected JSON, received one/);
  });

  it("may have the mark that some editors put before it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "weft-texts-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, "a.json");
    await writeFile(file, '\uFEFF["one"]');
    expect(parseTexts("--data", file, await readTextFile(file))).toEqual(["one"]);
  });
});
