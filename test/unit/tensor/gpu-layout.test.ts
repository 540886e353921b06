// The words of quantised weights for the GPU: a reader that follows the layout's description, in float32 alone as shaders do,
// finds the values of the file, bit for bit.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { blockFormats, dequantise } from "../../../src/tensor/blocks/dequantise.js";
import {
  gpuFormatOf,
  gpuFormats,
  gpuMatrixBytes,
  placesOf,
  type GpuBlockFormat,
  type GpuMatrixShape,
} from "../../../src/tensor/blocks/gpu-layout.js";
import { mixed, mixRow } from "../../../src/tensor/blocks/mixed.js";
import { packRows, type PackedPanels } from "../../../src/tensor/blocks/pack.js";
import { unpackMatrix } from "../../../src/tensor/blocks/unpack.js";
import { fixturePath, readBytes, readJsonFile } from "../../helpers/fixtures.js";

const folder = fixturePath("gguf", "blocks");
const { read } = readJsonFile<{
  readonly read: Readonly<Record<string, { readonly rows: number; readonly columns: number }>>;
}>(join(folder, "index.json"));
const names = Object.keys(read).filter((name) => blockFormats.has(name));

const byte = (word: number, index: number): number => (word >>> (8 * index)) & 255;
const signed = (value: number): number => (value << 24) >> 24;
const float = (word: number): number => new Float32Array(Uint32Array.of(word).buffer)[0]!;
const { fround } = Math;

/** The value of one weight, by the words that a shader would read for it. */
function valueAt(
  { quants, scales }: PackedPanels,
  gpu: GpuBlockFormat,
  { inputs, panel }: GpuMatrixShape,
  output: number,
  input: number,
): number {
  const [p, lane] = [Math.floor(output / panel), output % panel];
  const [group, inner] = [Math.floor(input / 32), input % 32];
  const vectors = gpu.bits === 8 ? 2 : 1;
  let panelWords = 0;
  const begins = new Map<string, number>();
  for (const { name, every, words } of gpu.planes) {
    begins.set(name, panelWords);
    panelWords += Math.ceil(inputs / every) * words * panel;
  }
  const word = (name: string, index: number): number =>
    scales[p * panelWords + begins.get(name)! + index * panel + lane]!;
  const vector = (v: number): number => 4 * (((p * (inputs / 32) + group) * vectors + v) * panel + lane);

  let q: number;
  if (gpu.bits === 8) q = signed(byte(quants[vector(inner >> 4) + ((inner & 15) >> 2)]!, inner & 3));
  else {
    const own = byte(quants[vector(0) + (inner >> 3)]!, inner & 3);
    q = inner & 4 ? own >> 4 : own & 15;
    const s = inner >> 2;
    if (gpu.upperBits === 1) q += ((word("upper", group) >>> (8 * (inner & 3) + s)) & 1) << 4;
    if (gpu.upperBits === 2)
      q += ((word("upper", 2 * group + (s >> 2)) >>> (8 * (inner & 3) + 2 * (s & 3))) & 3) << 4;
  }
  const block = Math.floor(input / 256);
  switch (gpu.scaling) {
    case "scale":
      return fround(float(word("scale", group)) * (q - gpu.centre));
    case "scale and minimum": {
      const own = Math.floor(input / gpu.group);
      return fround(fround(float(word("scale", own)) * q) + float(word("minimum", own)));
    }
    case "whole scales": {
      const s = signed(byte(word("whole", Math.floor(input / 64)), Math.floor(input / 16) % 4));
      return fround(fround(float(word("unit", block)) * s) * (q - gpu.centre));
    }
    case "whole scales and minimums": {
      const index = Math.floor(input / gpu.group);
      const pair = word("whole", index >> 1);
      const s = byte(pair, 2 * (index & 1));
      const m = byte(pair, 2 * (index & 1) + 1);
      const product = fround(fround(float(word("unit", block)) * s) * q);
      return fround(product - fround(float(word("minimumUnit", block)) * m));
    }
    default:
      return gpu.scaling satisfies never;
  }
}

describe("the layout of blocks on the GPU", () => {
  it.each(names.flatMap((name) => [7, 16, 36, 64].map((panel) => [name, panel] as const)))(
    "holds the values of %s in panels of %i",
    (name, panel) => {
      const { rows, columns } = read[name]!;
      const bytes = readBytes(join(folder, `${name}.bin`));
      const gpu: GpuBlockFormat = gpuFormats[gpuFormatOf[name]!];
      const shape = { outputs: rows, inputs: columns, panel };
      const packed = packRows(
        { format: blockFormats.get(name)!, firstOutput: 0, count: rows, bytes },
        gpu,
        shape,
      );
      expect(4 * (packed.quants.length + packed.scales.length)).toBe(gpuMatrixBytes(gpu, shape));
      const expected = dequantise(bytes, name);
      const wrong: string[] = [];
      for (let output = 0; output < rows; output++)
        for (let input = 0; input < columns; input++) {
          const value = valueAt(packed, gpu, shape, output, input);
          if (value !== expected[output * columns + input])
            wrong.push(`output ${output}, input ${input}: ${value}`);
        }
      expect(wrong.slice(0, 5)).toEqual([]);
    },
  );

  it.each(names)("of %s is the same packed panel by panel", (name) => {
    const { rows, columns } = read[name]!;
    const bytes = readBytes(join(folder, `${name}.bin`));
    const rowBytes = bytes.length / rows;
    const gpu: GpuBlockFormat = gpuFormats[gpuFormatOf[name]!];
    const shape = { outputs: rows, inputs: columns, panel: 8 };
    const format = blockFormats.get(name)!;
    const whole = packRows({ format, firstOutput: 0, count: rows, bytes }, gpu, shape);
    const { quantWords, scaleWords, panels } = placesOf(gpu, shape);
    expect(panels).toBe(5);
    for (const firstOutput of [0, 16, 32]) {
      const count = Math.min(16, rows - firstOutput);
      const own = bytes.subarray(firstOutput * rowBytes, (firstOutput + count) * rowBytes);
      const part = packRows({ format, firstOutput, count, bytes: own }, gpu, shape);
      const { firstPanel } = part;
      expect(firstPanel).toBe(firstOutput / 8);
      expect(part.quants).toEqual(
        whole.quants.slice(firstPanel * quantWords, (firstPanel + part.panels) * quantWords),
      );
      expect(part.scales).toEqual(
        whole.scales.slice(firstPanel * scaleWords, (firstPanel + part.panels) * scaleWords),
      );
    }
  });

  it.each(names)("holds the values of %s in the format for several", (name) => {
    const { rows, columns } = read[name]!;
    const bytes = readBytes(join(folder, `${name}.bin`));
    const [fileRow, ownRow] = [bytes.length / rows, (columns / mixed.elements) * mixed.bytes];
    const mixedBytes = new Uint8Array(rows * ownRow);
    for (let row = 0; row < rows; row++)
      mixRow(
        bytes.subarray(row * fileRow, (row + 1) * fileRow),
        blockFormats.get(name)!,
        mixedBytes.subarray(row * ownRow, (row + 1) * ownRow),
      );
    const shape = { outputs: rows, inputs: columns, panel: 16 };
    const packed = packRows(
      { format: mixed, firstOutput: 0, count: rows, bytes: mixedBytes },
      gpuFormats.q8m,
      shape,
    );
    const expected = dequantise(bytes, name);
    const isWrong = (value: number, index: number): boolean =>
      valueAt(packed, gpuFormats.q8m, shape, Math.floor(index / columns), index % columns) !== value;
    expect(expected.filter(isWrong)).toHaveLength(0);
    expect(
      unpackMatrix(packed, gpuFormats.q8m, shape).filter((value, index) => value !== expected[index]),
    ).toHaveLength(0);
  });

  it("puts rows in another order", () => {
    const { rows, columns } = read["Q4_K"]!;
    const bytes = readBytes(join(folder, "Q4_K.bin"));
    const shape = { outputs: rows, inputs: columns, panel: 4 };
    const format = blockFormats.get("Q4_K")!;
    const turned = packRows(
      { format, firstOutput: 0, count: rows, bytes, rowOf: (index) => rows - 1 - index },
      gpuFormats.q4k,
      shape,
    );
    const expected = dequantise(bytes, "Q4_K");
    for (let output = 0; output < rows; output++)
      for (let input = 0; input < columns; input += 37)
        expect(valueAt(turned, gpuFormats.q4k, shape, output, input)).toBe(
          expected[(rows - 1 - output) * columns + input],
        );
  });

  it("takes these bits for a weight", () => {
    const bits = Object.fromEntries(
      Object.entries(gpuFormats).map(([name, gpu]) => [
        name,
        (8 * gpuMatrixBytes(gpu, { outputs: 64, inputs: 256, panel: 64 })) / (64 * 256),
      ]),
    );
    expect(bits).toEqual({
      q8: 9,
      q4: 5,
      q5: 6,
      q4m: 6,
      q5m: 7,
      q8m: 12,
      q4k: 4.75,
      q5k: 5.75,
      q2k: 5.25,
      q6k: 6.625,
    });
  });
});
