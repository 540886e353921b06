// `weft embed` as a user meets it: what it prints and writes.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { describeWithSharedModel } from "../helpers/data-files.js";
import { runCommand } from "./run-start.js";

await describeWithSharedModel("sentence/bert-mean", 2, (model) => {
  it("writes the vectors of texts and of a file's lines, in a page and in Node alike", async () => {
    const folder = await mkdtemp(join(tmpdir(), "weft-embed-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "texts.jsonl"), '{"text":"the sea"}\n"a little girl"\n');
    const written: string[] = [];
    for (const runtime of ["chromium", "node"]) {
      const output = join(folder, `${runtime}.jsonl`);
      const {
        code,
        output: printed,
        errors,
      } = await runCommand("embed", [
        "cat",
        "--model",
        model,
        "--input",
        join(folder, "texts.jsonl"),
        "--output",
        output,
        "--runtime",
        runtime,
      ]);
      expect([code, errors]).toEqual([0, ""]);
      expect(printed).toMatch(/^texts +3, \d+ tokens, 48 dimensions/m);
      written.push(await readFile(output, "utf8"));
    }
    const lines = written[0]!
      .trimEnd()
      .split("\n")
      .map((own) => JSON.parse(own) as { text: string; vector: number[] });
    expect(lines.map(({ text }) => text)).toEqual(["cat", "the sea", "a little girl"]);
    for (const { vector } of lines) expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    expect(written[1]).toBe(written[0]);
  });

  it("prints how alike texts are, and says what it lacks", async () => {
    const alike = await runCommand("embed", ["cat", "cat", "--model", model, "--runtime", "node"]);
    expect(alike.output).toMatch(/^ +1 +1\.00 +1\.00 +cat$/m);
    const none = await runCommand("embed", ["cat"]);
    expect([none.code, none.errors]).toEqual([
      2,
      expect.stringMatching(/expected --model MODEL, an encoder/),
    ]);
    const wrong = await runCommand("embed", ["cat", "--model", model, "--output", "a.txt"]);
    expect([wrong.code, wrong.errors]).toEqual([2, expect.stringMatching(/ends with \.jsonl or \.npy/)]);
  });
});
