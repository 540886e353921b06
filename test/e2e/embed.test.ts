// `weft embed` as a user meets it: what it prints and writes.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parquetReadObjects } from "hyparquet";
import { expect, it, onTestFinished } from "vitest";
import { keyOf, PartialVectors } from "../../src/cli/embed/partial-vectors.js";
import { describeWithSharedModel } from "../helpers/data-files.js";
import { runCommand } from "./run-start.js";

await describeWithSharedModel("sentence/bert-mean", 3, (model) => {
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

  it("goes on where a run was interrupted, and writes Parquet", async () => {
    const folder = await mkdtemp(join(tmpdir(), "weft-embed-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const output = join(folder, "out.parquet");
    // What an earlier run left: the first vector, which is told from that of the model.
    const texts = ["cat", "the sea"];
    const partial = await PartialVectors.open(output, keyOf({ model, options: {}, texts }));
    await partial.begin(48);
    await partial.add(new Uint8Array(new Float32Array(48).fill(9).buffer));
    const options = [...texts, "--model", model, "--output", output, "--runtime", "node"];
    const resumed = await runCommand("embed", options);
    expect([resumed.code, resumed.errors]).toEqual([0, ""]);
    expect(resumed.output).toMatch(/^resumed +1 of 2 texts were embedded before$/m);
    expect(resumed.output).toMatch(/^texts +1, /m);
    const file = new Uint8Array(await readFile(output)).buffer;
    const [first, second] = (await parquetReadObjects({ file })) as { text: string; vector: number[] }[];
    expect(first).toEqual({ text: "cat", vector: Array(48).fill(9) });
    expect(second!.text).toBe("the sea");
    expect(Math.hypot(...second!.vector)).toBeCloseTo(1, 5);
    expect(await readdir(folder)).toEqual(["out.parquet"]);
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
    expect([wrong.code, wrong.errors]).toEqual([
      2,
      expect.stringMatching(/ends with \.jsonl, \.npy or \.parquet/),
    ]);
  });
});
