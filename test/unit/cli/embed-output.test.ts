// What `weft embed` writes.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { describe, expect, it, onTestFinished } from "vitest";
import { writeVectors, type OutputFormat } from "../../../src/cli/embed/output.js";
import { keyOf, PartialVectors } from "../../../src/cli/embed/partial-vectors.js";

describe("vectors", () => {
  const vectors = [Float32Array.of(1, 0.5, -2, 3, 0, 0.25), Float32Array.of(7, 8, 9)];
  const texts = ["a", 'b"', "ç 海"];

  async function written(format: OutputFormat, name = `out.${format}`): Promise<Uint8Array<ArrayBuffer>> {
    const file = join(await newFolder(), name);
    const blocks = (async function* () {
      yield* vectors;
    })();
    await writeVectors(file, format, { texts, dimensions: 3, blocks });
    // Nothing but the file is left.
    expect(await readdir(dirname(file))).toEqual([name]);
    return new Uint8Array(await readFile(file));
  }

  it("become lines of JSON", async () => {
    expect(new TextDecoder().decode(await written("jsonl"))).toBe(
      '{"text":"a","vector":[1,0.5,-2]}\n{"text":"b\\"","vector":[3,0,0.25]}\n{"text":"ç 海","vector":[7,8,9]}\n',
    );
  });

  it("become a matrix of NumPy", async () => {
    const file = await written("npy");
    const length = new DataView(file.buffer).getUint16(8, true);
    expect([...file.subarray(0, 8)]).toEqual([0x93, 78, 85, 77, 80, 89, 1, 0]);
    expect((10 + length) % 64).toBe(0);
    const header = new TextDecoder().decode(file.subarray(10, 10 + length));
    expect(header).toMatch(/^\{'descr': '<f4', 'fortran_order': False, 'shape': \(3, 3\), \} +\n$/);
    expect([...new Float32Array(file.slice(10 + length).buffer)]).toEqual(vectors.flatMap((own) => [...own]));
  });

  it("become Parquet, a text and a list of float32 numbers in a row, and a group of rows per block", async () => {
    const file = (await written("parquet")).buffer;
    expect(await parquetReadObjects({ file })).toEqual(
      texts.map((text, index) => ({
        text,
        vector: vectors.flatMap((own) => [...own]).slice(3 * index, 3 * index + 3),
      })),
    );
    const { row_groups: groups, schema } = parquetMetadata(file);
    expect(groups.map((group) => Number(group.num_rows))).toEqual([2, 1]);
    expect(schema.find(({ name }) => name === "element")!.type).toBe("FLOAT");
  });

  it("leave the file that was there, and nothing else, where they end early", async () => {
    const file = join(await newFolder(), "out.npy");
    await writeFile(file, "old");
    const blocks = (async function* () {
      yield vectors[0]!;
      throw new Error("the disk is full");
    })();
    await expect(writeVectors(file, "npy", { texts, dimensions: 3, blocks })).rejects.toThrow(
      "the disk is full",
    );
    expect(await readFile(file, "utf8")).toBe("old");
    expect(await readdir(dirname(file))).toEqual(["out.npy"]);
  });
});

describe("vectors of a run that was interrupted", () => {
  it("are there for the same run, but for what was written of the last one, and for no other", async () => {
    const output = join(await newFolder(), "out.jsonl");
    const key = keyOf({ texts: ["a", "b"] });
    const first = await PartialVectors.open(output, key);
    expect([first.count, first.dimensions]).toEqual([0, undefined]);
    await first.begin(2);
    await first.add(new Uint8Array(Float32Array.of(1, 2, 3, 4, 5).buffer));

    const other = await PartialVectors.open(output, keyOf({ texts: ["a", "c"] }));
    expect(other.count).toBe(0);
    const again = await PartialVectors.open(output, key);
    expect([again.count, again.dimensions]).toEqual([2, 2]);
    await again.begin(2);
    await again.add(new Uint8Array(Float32Array.of(6, 7).buffer));
    const read: number[][] = [];
    for await (const block of again.read(2)) read.push([...block]);
    expect(read).toEqual([
      [1, 2, 3, 4],
      [6, 7],
    ]);
    await again.remove();
    expect(await readdir(dirname(output))).toEqual([]);
    expect((await PartialVectors.open(output, key)).count).toBe(0);
  });

  it("are begun anew where the file beside is no such file", async () => {
    const output = join(await newFolder(), "out.jsonl");
    await writeFile(join(dirname(output), ".out.jsonl.partial"), "something else");
    const partial = await PartialVectors.open(output, keyOf({}));
    expect(partial.count).toBe(0);
    await partial.begin(1);
    await partial.add(new Uint8Array(Float32Array.of(5).buffer));
    expect((await PartialVectors.open(output, keyOf({}))).count).toBe(1);
  });
});

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "weft-vectors-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}
