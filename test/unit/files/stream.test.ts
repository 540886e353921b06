// Tensors read one by one from a folder whose files come in pieces.
import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { CancelledError, FetchError, FormatError } from "../../../src/errors.js";
import { toFloat32 } from "../../../src/tensor/formats.js";
import { readTensors, type DownloadProgress } from "../../../src/files/read-tensors.js";
import type { StoredTensor } from "../../../src/files/safetensors.js";
import { writeSafetensors } from "../../../src/files/safetensors-writer.js";
import { randomFloats } from "../../helpers/random.js";
import { ChunkedFolder } from "./folder-fake.js";
import { readAll, rejection } from "./outcome.js";

function tensor(name: string, shape: readonly number[], seed: number): StoredTensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return { name, dtype: "F32", shape, bytes: new Uint8Array(randomFloats(seed, count).buffer) };
}

const a = tensor("a", [3, 5], 1);
const b = tensor("b", [], 2);
const c = tensor("c", [0, 4], 3);
const d = tensor("d", [700], 4);
const tensors = [a, b, c, d];
const file = writeSafetensors(tensors);

describe("readTensors", () => {
  it.each([1, 7, 4096, file.length])("gives the same tensors from chunks of %i bytes", async (chunkBytes) => {
    const folder = new ChunkedFolder({ "model.safetensors": file }, chunkBytes);
    expect(await readAll(folder)).toEqual(tensors);
    expect(folder.openFiles).toBe(0);
  });

  it("returns any tensors that were written, from chunks of any size", async () => {
    const extents = fc.array(fc.nat(4), { maxLength: 3 });
    const anyTensor = fc.record({
      name: fc.string({ unit: "grapheme" }).filter((name) => name !== "__metadata__"),
      dtype: fc.constantFrom("F32", "F16", "BF16", "U8", "I64"),
      shape: extents,
    });
    const anyFile = fc.uniqueArray(anyTensor, { selector: ({ name }) => name, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(anyFile, fc.integer({ min: 1, max: 64 }), async (described, chunkBytes) => {
        const bytesOf: Record<string, number> = { F32: 4, F16: 2, BF16: 2, U8: 1, I64: 8 };
        const written = described.map(({ name, dtype, shape }, i): StoredTensor => {
          const size = shape.reduce((product, extent) => product * extent, bytesOf[dtype]!);
          return {
            name,
            dtype,
            shape,
            bytes: Uint8Array.from({ length: size }, (_, byte) => (byte * 31 + i) % 256),
          };
        });
        const folder = new ChunkedFolder({ "model.safetensors": writeSafetensors(written) }, chunkBytes);
        const read = new Map((await readAll(folder)).map((item) => [item.name, item]));
        expect(read).toEqual(new Map(written.map((item) => [item.name, item])));
      }),
    );
  });

  it("holds one tensor and one chunk: it reads no further than the tensor it gives", async () => {
    const folder = new ChunkedFolder({ "model.safetensors": file }, 16);
    const seen: number[] = [];
    for await (const { name } of readTensors(folder)) if (name === "a") seen.push(folder.readBytes);
    expect(seen[0]).toBeLessThan(file.length - 700 * 4 + 16);
  });

  it("passes over tensors that are not wanted, also the first and the last", async () => {
    const whole = await readAll(new ChunkedFolder({ "model.safetensors": file }, 16));
    for (const { name: wanted } of whole) {
      const read = await readAll(new ChunkedFolder({ "model.safetensors": file }, 16), {
        isWanted: (name) => name === wanted,
      });
      expect(read).toEqual(whole.filter(({ name }) => name === wanted));
    }
    const none = { isWanted: () => false };
    expect(await readAll(new ChunkedFolder({ "model.safetensors": file }, 16), none)).toEqual([]);
    const cut = new ChunkedFolder({ "model.safetensors": file.slice(0, -1) }, 16);
    await expect(readAll(cut, none)).rejects.toThrow(/truncated/);
  });

  it("gives each tensor bytes of its own that can be read as numbers", async () => {
    const read = await readAll(new ChunkedFolder({ "model.safetensors": file }, 7));
    expect(new Set(read.map(({ bytes }) => bytes.buffer)).size).toBe(tensors.length);
    expect(toFloat32(read[0]!.bytes, "F32")).toEqual(randomFloats(1, 15));
  });

  it("reports every chunk, and the total once the header is known", async () => {
    const progress: DownloadProgress[] = [];
    const folder = new ChunkedFolder({ "model.safetensors": file }, 100);
    await readAll(folder, { onProgress: (event) => progress.push(event) });
    expect(progress[0]).toEqual({
      phase: "download",
      file: "model.safetensors",
      loadedBytes: 100,
      totalBytes: undefined,
    });
    expect(progress.at(-1)).toMatchObject({ loadedBytes: file.length, totalBytes: file.length });
    expect(progress).toHaveLength(Math.ceil(file.length / 100));
  });

  it.each([0, 5, 8, 30, file.length - 2800, file.length - 1])(
    "refuses a file cut to %i bytes",
    async (bytes) => {
      const folder = new ChunkedFolder({ "model.safetensors": file.subarray(0, bytes) }, 64);
      const error = await rejection(readAll(folder));
      expect(error).toBeInstanceOf(FormatError);
      expect(error).toMatchObject({ file: "model.safetensors", byteOffset: bytes });
      expect(String(error)).toMatch(
        /truncated: \d+ of the \d+ bytes of .* are missing\. .*download or copy it again/,
      );
      expect(folder.openFiles).toBe(0);
    },
  );

  it("refuses a file with bytes behind its last tensor", async () => {
    const longer = new Uint8Array(file.length + 3);
    longer.set(file);
    const folder = new ChunkedFolder({ "model.safetensors": longer }, file.length);
    await expect(readAll(folder)).rejects.toThrow(`at byte ${file.length}: expected the file's end`);
    expect(folder.openFiles).toBe(0);
  });

  it("refuses a tensor larger than any memory before it reads on", async () => {
    const size = 2 ** 49;
    const json = JSON.stringify({ a: { dtype: "U8", shape: [size], data_offsets: [0, size] } });
    const huge = new Uint8Array(8 + json.length + 8);
    new DataView(huge.buffer).setBigUint64(0, BigInt(json.length), true);
    huge.set(new TextEncoder().encode(json), 8);
    const folder = new ChunkedFolder({ "model.safetensors": huge }, 4096);
    await expect(readAll(folder)).rejects.toThrow(/a tensor of 562949953421312 bytes does not fit in memory/);
  });

  it("closes the file when the caller stops early, and when the caller's progress function throws", async () => {
    const folder = new ChunkedFolder({ "model.safetensors": file }, 16);
    for await (const { name } of readTensors(folder)) if (name === "a") break;
    expect(folder.openFiles).toBe(0);
    const onProgress = vi.fn().mockThrow(new Error("mine"));
    await expect(readAll(folder, { onProgress })).rejects.toThrow("mine");
    expect(folder.openFiles).toBe(0);
  });

  it("stops at once when its signal is aborted, before or during the reading", async () => {
    const controller = new AbortController();
    const folder = new ChunkedFolder({ "model.safetensors": file }, 16);
    const onProgress = ({ loadedBytes }: DownloadProgress): void => {
      if (loadedBytes >= 320) controller.abort(new Error("enough"));
    };
    const error = await rejection(readAll(folder, { signal: controller.signal, onProgress }));
    expect(error).toBeInstanceOf(CancelledError);
    expect(error).toMatchObject({ cause: new Error("enough") });
    expect([folder.openFiles, folder.readBytes]).toEqual([0, 320]);
    await expect(readAll(folder, { signal: controller.signal })).rejects.toThrow(CancelledError);
    expect(folder.opened).toHaveLength(1);
  });

  it("names what a model folder must contain when there are no weights", async () => {
    const error = await rejection(readAll(new ChunkedFolder({}, 1)));
    expect(error).toBeInstanceOf(FetchError);
    expect(String(error)).toMatch(
      /model\.safetensors: there is no such file\. A model folder contains config\.json, /,
    );
  });
});

describe("readTensors of a model in shards", () => {
  const shards = { "one.safetensors": writeSafetensors([d, a]), "two.safetensors": writeSafetensors([b, c]) };
  const weightMap = {
    a: "one.safetensors",
    b: "two.safetensors",
    c: "two.safetensors",
    d: "one.safetensors",
  };
  const withIndex = (index: object): ChunkedFolder =>
    new ChunkedFolder({ ...shards, "model.safetensors.index.json": index }, 64);

  it("reads shard after shard", async () => {
    const folder = withIndex({ metadata: { total_size: 1 }, weight_map: weightMap });
    const files = new Set<string>();
    const read = await readAll(folder, { onProgress: (event) => files.add(event.file) });
    expect(read).toEqual([a, d, b, c]);
    expect(folder.opened).toEqual(["model.safetensors.index.json", "one.safetensors", "two.safetensors"]);
    expect([...files]).toEqual(["one.safetensors", "two.safetensors"]);
    expect(folder.openFiles).toBe(0);
  });

  it("refuses a shard without a tensor that the index lists for it", async () => {
    const folder = withIndex({ weight_map: { ...weightMap, e: "one.safetensors" } });
    const error = await rejection(readAll(folder));
    expect(error).toBeInstanceOf(FormatError);
    expect(String(error)).toMatch(
      /one\.safetensors: expected the tensors that .* lists for it, received none of e\./,
    );
    expect(folder.openFiles).toBe(0);
  });

  it("refuses a folder without a shard", async () => {
    const folder = withIndex({ weight_map: { ...weightMap, e: "three.safetensors" } });
    await expect(readAll(folder)).rejects.toThrow(/three\.safetensors: there is no such file/);
  });

  it.each([
    [[], /weight_map: expected an object .*, received nothing/],
    [{ weight_map: [] }, /weight_map: expected an object .*, received \[\]/],
    [{ weight_map: {} }, /weight_map: expected an object .*, received \{\}/],
    [{ weight_map: { a: 3 } }, /expected the name of a \.safetensors file for a, received 3/],
    [{ weight_map: { a: "../x.safetensors" } }, /received "\.\.\/x\.safetensors"/],
    [{ weight_map: { a: "model.bin" } }, /received "model\.bin"\. Download or export the model again/],
  ])("refuses the index %j", async (index, message) => {
    await expect(readAll(withIndex(index))).rejects.toThrow(FormatError);
    await expect(readAll(withIndex(index))).rejects.toThrow(message);
  });
});
