// Conversion of stored numbers to float32 and of float32 to float16.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  elementBytes,
  float32ToBfloat16,
  float32ToFloat16,
  isDtype,
  toFloat32,
  type Dtype,
} from "../../../src/tensor/formats.js";

const allHalves = Uint16Array.from({ length: 65536 }, (_, half) => half);

/** IEEE 754 binary16 by its definition. */
function decodeHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = (half & 1023) / 1024;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15));
}

const toBfloat = (value: number): number => float32ToBfloat16(Float32Array.of(value))[0]!;

function toHalf(value: number): number {
  return float32ToFloat16(Float32Array.of(value))[0]!;
}

describe("toFloat32", () => {
  it("gives every one of the 65,536 float16 values exactly, the sign of zero included", () => {
    const values = toFloat32(new Uint8Array(allHalves.buffer), "F16");
    const wrong = allHalves.filter((half) => !Object.is(values[half], decodeHalf(half)));
    expect(wrong).toHaveLength(0);
  });

  it("gives bfloat16 values exactly", () => {
    const bits = Uint16Array.of(0x3f80, 0xc2f7, 0x0000, 0x8000, 0x0001, 0x7f80, 0xff80, 0x7fc0);
    const values = [...toFloat32(new Uint8Array(bits.buffer), "BF16")];
    expect(values).toEqual([1, -123.5, 0, -0, 2 ** -133, Infinity, -Infinity, Number.NaN]);
  });

  it.each(["F32", "F16", "BF16"] as const)("reads %s at every byte offset", (dtype: Dtype) => {
    const bytes = Uint8Array.from({ length: 8 * elementBytes[dtype] }, (_, i) => (i * 37) % 120);
    const expected = toFloat32(bytes, dtype);
    for (let offset = 0; offset < 8; offset++) {
      const shifted = new Uint8Array(bytes.length + offset);
      shifted.set(bytes, offset);
      expect(toFloat32(shifted.subarray(offset), dtype)).toEqual(expected);
    }
  });

  it("views aligned F32 bytes and copies all others", () => {
    const bytes = new Uint8Array(16);
    expect(toFloat32(bytes.subarray(4, 12), "F32").buffer).toBe(bytes.buffer);
    expect(toFloat32(bytes.subarray(1, 9), "F32").buffer).not.toBe(bytes.buffer);
    expect(toFloat32(bytes, "F16").buffer).not.toBe(bytes.buffer);
  });

  it("gives no numbers for no bytes", () => {
    for (const dtype of ["F32", "F16", "BF16"] as const)
      expect(toFloat32(new Uint8Array(), dtype)).toHaveLength(0);
  });
});

describe("isDtype", () => {
  it("knows the three formats and nothing inherited", () => {
    expect(["F32", "F16", "BF16", "F64", "toString"].map(isDtype)).toEqual([true, true, true, false, false]);
  });
});

describe("float32ToBfloat16", () => {
  it("returns every bfloat16 value to itself, and NaN to a NaN", () => {
    const values = toFloat32(new Uint8Array(allHalves.buffer), "BF16");
    const back = toFloat32(new Uint8Array(float32ToBfloat16(values).buffer), "BF16");
    expect(values.filter((value, index) => !Object.is(value, back[index]))).toHaveLength(0);
  });

  it("rounds ties to even and the largest to infinity", () => {
    expect([1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20].map(toBfloat)).toEqual([
      0x3f80, 0x3f82, 0x3f81,
    ]);
    expect([3.4028234663852886e38, -Infinity, -1e-45].map(toBfloat)).toEqual([0x7f80, 0xff80, 0x8000]);
  });
});

describe("float32ToFloat16", () => {
  it("returns every float16 value to itself, and NaN to a NaN", () => {
    const values = toFloat32(new Uint8Array(allHalves.buffer), "F16");
    const back = float32ToFloat16(values);
    const isWrong = (half: number): boolean =>
      Number.isNaN(values[half]) ? !Number.isNaN(decodeHalf(back[half]!)) : back[half] !== half;
    expect(allHalves.filter(isWrong)).toHaveLength(0);
  });

  it("rounds ties to even, overflows to infinity and underflows to a signed zero", () => {
    expect([1 + 2 ** -11, 1 + 3 * 2 ** -11].map(toHalf)).toEqual([0x3c00, 0x3c02]);
    expect([65504, 65519.996, 65520, Infinity, -1e30].map(toHalf)).toEqual([
      0x7bff, 0x7bff, 0x7c00, 0x7c00, 0xfc00,
    ]);
    expect([2 ** -25, 1.001 * 2 ** -25, 3 * 2 ** -25, -1e-30].map(toHalf)).toEqual([0, 1, 2, 0x8000]);
    expect(toHalf(2 ** -14 - 2 ** -26)).toBe(0x0400);
  });

  it("has no float16 nearer than its result", () => {
    fc.assert(
      fc.property(fc.float({ min: Math.fround(-65504), max: Math.fround(65504), noNaN: true }), (value) => {
        const half = toHalf(value);
        const error = Math.abs(decodeHalf(half) - value);
        for (const neighbour of [half - 1, half + 1]) {
          const other = Math.abs(decodeHalf(neighbour & 0xffff) - value);
          if (Number.isFinite(other))
            expect(error < other || (error === other && (half & 1) === 0)).toBe(true);
        }
      }),
    );
  });
});
