// Keys and values on their way into a cache in f16, on real execution: every number becomes the half that is nearest.
import { describe, expect, it } from "vitest";
import { rotaryVariant } from "../../src/kernels/rotary/rotary.js";
import { toFloat32 } from "../../src/tensor/formats.js";
import { runKernelOutputs, useTestQueue } from "../helpers/gpu-run.js";
import { SeededRandom } from "../helpers/random.js";
import { roundToHalf } from "../reference/half.js";

const queue = useTestQueue();

/**
 * Stores rows of `width` as keys and values of one head, in the opposite order, behind an entry that is not this dispatch's. Returns the
 * halves as float32.
 */
async function store(values: Float32Array, width: number): Promise<Float32Array> {
  const count = values.length / width;
  const rows = Array.from({ length: count }, (_, row) => row);
  const vectors = width / 8;
  // A query in front of each row, which is not rounded.
  const joined = new Float32Array(count * 1.5 * width);
  for (const row of rows)
    joined.set(values.subarray(row * width, (row + 1) * width), (1.5 * row + 0.5) * width);
  const { KV: stored } = await runKernelOutputs(
    queue(),
    rotaryVariant("f16"),
    {
      Q: joined,
      K: joined,
      V: joined,
      angles: joined,
      rowInfo: new Uint32Array(4 * count),
      rowTable: Uint32Array.from([9999, ...rows, ...rows.toReversed()]),
      Q2: new Float32Array(count * (width / 2)),
      KV: new Float32Array(values.length / 2),
    },
    {
      firstEntry: 1,
      rowCount: count,
      slotEntry: 1 + count,
      headVectors: vectors,
      turnedVectors: 0,
      queryVectors: vectors,
      keyVectors: vectors,
      queryStride: 3 * vectors,
      keyStride: 3 * vectors,
      keyOffset: vectors,
    },
    ["KV"],
  );
  const all = toFloat32(new Uint8Array(stored.buffer), "F16");
  const result = new Float32Array(values.length);
  for (const row of rows)
    result.set(all.subarray((count - 1 - row) * width, (count - row) * width), row * width);
  return result;
}

const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.slice().buffer);

/** The float32 of the bits that are `step` more, but not less than 0. */
const nextTo = (values: Float32Array, step: number): Float32Array =>
  new Float32Array(bitsOf(values).map((bits) => Math.max(0, bits + step)).buffer);

describe("rounding to halves", () => {
  it("keeps every half, and takes the even one between two", async () => {
    const halves = toFloat32(
      new Uint8Array(Uint16Array.from({ length: 0x7c00 }, (_, own) => own).buffer),
      "F16",
    );
    const between = halves.map((value, own) => (value + (halves[own + 1] ?? 65536)) / 2);
    const all = [halves, between, nextTo(between, 1), nextTo(between, -1)];
    for (const values of [...all, ...all.map((own) => own.map((value) => -value))])
      expect(bitsOf(await store(values, 64))).toEqual(bitsOf(values.map(roundToHalf)));
  });

  it("takes the nearest of any number, and the largest beyond it", async () => {
    const random = new SeededRandom(3);
    const bits = Uint32Array.from({ length: 65536 }, () => random.integer(2 ** 32));
    const values = new Float32Array(bits.buffer).map((value) => (Number.isFinite(value) ? value : 1));
    values.set([65504, 65519.996, 65520, 65536, 1e38, -65520, -3e38, 2 ** -25, 1.5 * 2 ** -25, -0]);
    expect(bitsOf(await store(values, 16))).toEqual(bitsOf(values.map(roundToHalf)));
  });

  it("does not hide infinity and NaN", async () => {
    const values = Float32Array.from([Infinity, -Infinity, NaN, 1, 2, NaN, Infinity, 0]);
    expect(await store(values, 8)).toEqual(values);
  });
});
