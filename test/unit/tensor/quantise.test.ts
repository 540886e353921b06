// Quantising plain numbers: errors within what the bits allow, exact where they can be, and the same words on the GPU.
import { describe, expect, it } from "vitest";
import { emptyBlock } from "../../../src/tensor/blocks/decoded-block.js";
import { gpuFormats, placesOf } from "../../../src/tensor/blocks/gpu-layout.js";
import { packRows } from "../../../src/tensor/blocks/pack.js";
import { quantise, type Quantised } from "../../../src/tensor/blocks/quantise.js";
import { randomFloats } from "../../helpers/random.js";

function valuesOf({ format, bytes }: Quantised): number[] {
  const block = emptyBlock();
  const values: number[] = [];
  for (let at = 0; at < bytes.length; at += format.bytes) {
    format.decode(bytes, at, block);
    for (let j = 0; j < format.elements; j++) values.push(block.scales[0]! * block.quants[j]!);
  }
  return values;
}

describe.each([
  [8, 127, "q8"],
  [4, 8, "q4"],
] as const)("quantising to %i bits", (bits, steps, gpuName) => {
  it("is off by half a step of the block's scale, or by one step at the end that has no number", () => {
    const values = randomFloats(3, 64 * 32, 0.02);
    const result = quantise(values, bits);
    const found = valuesOf(result);
    let squaredError = 0;
    for (let first = 0; first < values.length; first += 32) {
      const block = values.subarray(first, first + 32);
      const largest = Math.max(...block.map(Math.abs));
      for (const [j, value] of block.entries()) {
        const error = Math.abs(value - found[first + j]!);
        const isBeyond = bits === 4 && Math.abs(value) > (7.5 / 8) * largest;
        expect(error).toBeLessThanOrEqual((largest / steps) * (isBeyond ? 1 : 0.5) * (1 + 1e-6));
        squaredError += error ** 2;
      }
    }
    expect(result.squaredError).toBeCloseTo(squaredError, 12);
    const relative = Math.sqrt(result.squaredError / result.squaredSize);
    expect(relative).toBeGreaterThan(0);
    expect(relative).toBeLessThan(bits === 8 ? 0.01 : 0.15);
  });

  it("keeps zeros, the largest magnitude of a block, and whole multiples of its scale", () => {
    const values = new Float32Array(96);
    values.set([1, -2, 3, 0, 5, -steps], 32);
    values.set([-1, 2, -3, 0, -5, bits === 8 ? steps : -steps], 64);
    const result = quantise(values, bits);
    expect(valuesOf(result).map((value) => value + 0)).toEqual([...values]);
    expect(result.squaredError).toBe(0);
  });

  it("packs into the same bits that blocks of files do", () => {
    const values = randomFloats(5, 8 * 64, 1);
    const result = quantise(values, bits);
    const shape = { outputs: 8, inputs: 64, panel: 8 };
    const gpu = gpuFormats[gpuName];
    const { scales, quants } = packRows(
      { format: result.format, firstOutput: 0, count: 8, bytes: result.bytes },
      gpu,
      shape,
    );
    const { planeBegins } = placesOf(gpu, shape);
    const floats = new Float32Array(scales.buffer);
    const found = valuesOf(result);
    for (let output = 0; output < 8; output++)
      for (let group = 0; group < 2; group++) {
        const scale = floats[planeBegins.scale! + group * 8 + output]!;
        // The first input of a group is in the lowest bits of its first word.
        const word = quants[4 * (group * (bits === 8 ? 2 : 1) * 8 + output)]!;
        const q = bits === 8 ? (word << 24) >> 24 : (word & 15) - 8;
        expect(scale * q).toBe(found[output * 64 + group * 32]!);
      }
  });
});
