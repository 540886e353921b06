// Every block format against the values that two other implementations agree on, bit for bit.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tensorTypes } from "../../../src/files/gguf/tensor-types.js";
import {
  blockFormats,
  dequantise,
  isReadable,
  readableFormats,
} from "../../../src/tensor/blocks/dequantise.js";
import { fixturePath, readBytes, readJsonFile } from "../../helpers/fixtures.js";
import { sharedPath } from "../../helpers/shared-models.js";

interface Entry {
  readonly rows: number;
  readonly columns: number;
  readonly blockElements: number;
  readonly blockBytes: number;
  readonly sha256: readonly string[];
}

const folder = fixturePath("gguf", "blocks");
const { read } = readJsonFile<{ readonly read: Readonly<Record<string, Entry>> }>(join(folder, "index.json"));

describe("dequantise", () => {
  it.each(Object.entries(read))("gives the very bits of %s", (name, { rows, columns, sha256 }) => {
    const values = dequantise(readBytes(join(folder, `${name}.bin`)), name);
    expect(values.length).toBe(rows * columns);
    const shared = sharedPath("models", "gguf", "blocks", `${name}.f32`);
    if (existsSync(shared)) {
      const expected = new Uint32Array(readBytes(shared).buffer);
      const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
      expect(bits.findIndex((own, index) => own !== expected[index])).toBe(-1);
    }
    const hashes = Array.from({ length: rows }, (_, row) =>
      createHash("sha256")
        .update(new Uint8Array(values.slice(row * columns, (row + 1) * columns).buffer))
        .digest("hex")
        .slice(0, 16),
    );
    expect(hashes).toEqual(sha256);
  });

  it("knows the formats of the oracles, with their sizes, and no others", () => {
    expect(readableFormats.toSorted()).toEqual(Object.keys(read).toSorted());
    for (const [name, { blockElements, blockBytes }] of Object.entries(read)) {
      const format = blockFormats.get(name);
      if (format) expect([format.elements, format.bytes]).toEqual([blockElements, blockBytes]);
      expect([...tensorTypes.values()]).toContainEqual({ name, blockElements, blockBytes });
    }
    for (const name of ["IQ2_XXS", "NVFP4", "Q8_1", "F64", "toString"]) expect(isReadable(name)).toBe(false);
  });

  it("takes one row at a time, wherever it lies in its buffer", () => {
    for (const [name, { rows, columns }] of Object.entries(read)) {
      const bytes = readBytes(join(folder, `${name}.bin`));
      const rowBytes = bytes.length / rows;
      const whole = dequantise(bytes, name);
      const row = 7;
      const own = dequantise(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), name);
      expect([...own], name).toEqual([...whole.subarray(row * columns, (row + 1) * columns)]);
    }
  });
});
