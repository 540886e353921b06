// Broken GGUF files: each is refused with a typed error, or read soundly, quickly and in little memory. And random mutations.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FetchError, FormatError } from "../../../../src/errors.js";
import { DiskFolder } from "../../../../src/files/disk-folder.js";
import { MemoryFolder } from "../../../../src/files/memory-folder.js";
import { openGguf } from "../../../../src/files/gguf/open-gguf.js";
import { readGgufRows } from "../../../../src/files/gguf/read-gguf.js";
import type { ModelFolder } from "../../../../src/files/model-folder.js";
import { fixturePath, ggufFolders, readBytes, readJsonFile } from "../../../helpers/fixtures.js";
import { caseCount } from "../../../helpers/long-run.js";
import { mutate } from "../../../helpers/mutate.js";
import { SeededRandom } from "../../../helpers/random.js";

interface Case {
  readonly file?: string;
  readonly files?: readonly string[];
  readonly wrong: string;
  readonly level: "container" | "model" | "split";
  readonly expect: "refuse" | "either" | "read";
}

/** Reads everything. Returns the error, which must be typed, or the number of bytes of all tensors. */
async function readWhole(folder: ModelFolder, file: string): Promise<Error | number> {
  try {
    const model = await openGguf(folder, file);
    let total = 0;
    for await (const { bytes } of readGgufRows(folder, model)) total += bytes.length;
    return total;
  } catch (error) {
    if (error instanceof FormatError || error instanceof FetchError) return error;
    throw error;
  }
}

describe.each(ggufFolders("hostile"))("hostile files of $name", ({ path }) => {
  const { files } = readJsonFile<{ readonly files: readonly Case[] }>(join(path, "index.json"));
  // A whole model with a wrong value is sound to the reader of the container.
  const cases = files
    .filter(({ level }) => level !== "model")
    .flatMap(({ file, files: parts = [file!], ...rest }) => parts.map((name) => ({ name, ...rest })));

  it.each(cases)("$name: $wrong", async ({ name, expect: wanted }) => {
    const before = process.memoryUsage().arrayBuffers;
    const begin = performance.now();
    const result = await readWhole(new DiskFolder(path), name);
    expect(performance.now() - begin).toBeLessThan(1000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 2 ** 20);
    if (wanted === "refuse") expect(result).toBeInstanceOf(Error);
    if (wanted === "read") expect(result).toBeTypeOf("number");
    if (result instanceof Error) expect(result.message).toContain(name.replace(/-0000.*/, ""));
  });

  it.each(files.filter(({ level }) => level === "model"))("$file is a sound container", async ({ file }) => {
    expect(await readWhole(new DiskFolder(path), file!)).toBeTypeOf("number");
  });
});

describe("mutations of GGUF files", () => {
  const files = ["all-types", "micro-llama", "mixed-types", "nested-arrays", "holes", "dims"].map((name) =>
    readBytes(fixturePath("gguf", "metadata", `${name}.gguf`)),
  );
  const count = caseCount({ usual: 1000, long: 10_000 });

  it(`never crash, hang or fill the memory (${count} of them)`, async () => {
    const random = new SeededRandom(15);
    let refused = 0;
    for (let index = 0; index < count; index++) {
      const original = files[index % files.length]!;
      const mutated = mutate(original, random);
      const begin = performance.now();
      const result = await readWhole(new MemoryFolder(new Map([["m.gguf", mutated]])), "m.gguf");
      expect(performance.now() - begin, `mutation ${index}`).toBeLessThan(1000);
      if (result instanceof Error) refused++;
      // What is read is never more than there is.
      else expect(result).toBeLessThanOrEqual(mutated.length);
    }
    // Mutations of tensors' bytes and of texts are sound files.
    expect(refused).toBeGreaterThan(count / 4);
    expect(refused).toBeLessThan(count);
  });
});
