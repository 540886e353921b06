// Rotary positions and their gradients on real execution, against the float64 reference.
import { describe, expect, it } from "vitest";
import { angleTable } from "../../src/layers/rotary.js";
import { rotaryBackwardVariant } from "../../src/kernels/rotary/backward.js";
import { rotaryVariant } from "../../src/kernels/rotary/rotary.js";
import { expectClose } from "../helpers/expect-close.js";
import { pad4, padRows, runKernel, runKernelOutputs, unpadRows, useTestQueue } from "../helpers/gpu-run.js";
import { randomFloats } from "../helpers/random.js";
import { float32Steps } from "../helpers/tolerances.js";
import { toFloat32, type CacheFormat } from "../../src/tensor/formats.js";
import { roundToHalf } from "../reference/half.js";
import { rotaryBackward, rotaryForward } from "../reference/rotary.js";

const queue = useTestQueue();

/** The sum of two angles, then the turn. */
const twoSteps = float32Steps(2);

/** Widths of heads, of which as many numbers are turned. */
const shapes = [
  { D: 2, turned: 2 },
  { D: 6, turned: 2 },
  { D: 8, turned: 8 },
  { D: 16, turned: 12 },
  { D: 10, turned: 6 },
  { D: 128, turned: 128 },
] as const;
const [H, KV, context] = [6, 2, 131072];
const positions = [0, 1, 255, 256, 257, 4095, 131071];
const rows = positions.length;
const turnedRows = Uint32Array.from([4, 2, 6, 0, 1, 5, 3]);

const rotationOf = (turned: number): { frequencies: number[]; factor: number } => ({
  frequencies: Array.from({ length: turned / 2 }, (_, pair) => 500000 ** ((-2 * pair) / turned)),
  factor: 1.19,
});

/** Every row of the arena has the position of its index. */
const rowInfo = Uint32Array.from(positions.flatMap((position, row) => [row, position, 0, 0]));

describe.each(shapes)("$turned of $D numbers of a head", ({ D, turned }) => {
  const rotation = rotationOf(turned);
  const angles = angleTable(rotation, context);
  const common = {
    firstEntry: 1,
    rowCount: rows,
    headVectors: pad4(D) / 4,
    turnedVectors: Math.ceil(turned / 4),
  };
  const padded = (values: Float32Array): Float32Array<ArrayBuffer> => padRows(values, D, pad4(D));
  const plain = (values: Float32Array): Float32Array<ArrayBuffer> => unpadRows(values, D, pad4(D));
  const rowTable = Uint32Array.from([99, ...turnedRows, ...turnedRows.map((row) => rows - 1 - row)]);

  it.each(["beside the values", "by themselves"])("are turned, with keys %s", async (where) => {
    const q = randomFloats(1, rows * H * D);
    const kv = randomFloats(2, rows * 2 * KV * D);
    const alone = randomFloats(3, rows * KV * D);
    const isJoined = where === "beside the values";
    const stored = padded(new Float32Array(kv.length));
    const dispatch = (keyValues: CacheFormat): Promise<Record<"Q2" | "KV", Float32Array<ArrayBuffer>>> =>
      runKernelOutputs(
        queue(),
        rotaryVariant(keyValues),
        {
          Q: padded(q),
          K: padded(isJoined ? kv : alone),
          V: padded(kv),
          angles,
          rowInfo,
          rowTable,
          Q2: padded(new Float32Array(q.length)),
          KV: keyValues === "f32" ? stored : new Float32Array(stored.length / 2),
        },
        {
          ...common,
          slotEntry: 1 + rows,
          queryVectors: (H * pad4(D)) / 4,
          keyVectors: (KV * pad4(D)) / 4,
          keyStride: ((isJoined ? 2 * KV : KV) * pad4(D)) / 4,
        },
        ["Q2", "KV"],
      );
    const { Q2, KV: whole } = await dispatch("f32");
    expectClose(plain(Q2), rotaryForward({ x: q, heads: H, D, positions, ...rotation }), twoSteps);
    const keys = Array.from({ length: rows }, (_, row) =>
      isJoined
        ? [...kv.subarray(row * 2 * KV * D, (row * 2 + 1) * KV * D)]
        : [...alone.subarray(row * KV * D, (row + 1) * KV * D)],
    );
    const turnedKeys = rotaryForward({ x: keys.flat(), heads: KV, D, positions, ...rotation });
    const own = plain(whole);
    for (let row = 0; row < rows; row++) {
      const slot = (rows - 1 - row) * 2 * KV * D;
      const expected = turnedKeys.subarray(row * KV * D, (row + 1) * KV * D);
      expectClose(own.subarray(slot, slot + KV * D), expected, twoSteps);
      const values = kv.subarray((row * 2 + 1) * KV * D, (row * 2 + 2) * KV * D);
      expect(own.subarray(slot + KV * D, slot + 2 * KV * D)).toEqual(values);
    }
    // In f16 the same numbers are stored, rounded once.
    const halves = await dispatch("f16");
    expect(halves.Q2).toEqual(Q2);
    expect(toFloat32(new Uint8Array(halves.KV.slice().buffer), "F16")).toEqual(whole.map(roundToHalf));
  });

  it("are turned back, and others are zeroed or copied", async () => {
    const dY = randomFloats(4, rows * 4 * D);
    const dX = plain(
      await runKernel(
        queue(),
        rotaryBackwardVariant,
        { dY: padded(dY), angles, rowInfo, rowTable, dX: padded(new Float32Array(rows * 3 * D).fill(7)) },
        { ...common, inputStride: pad4(D), outputStride: (3 * pad4(D)) / 4, turnedHeads: 1, zeroedHeads: 1 },
        "dX",
      ),
    );
    const back = rotaryBackward({ x: dY, heads: 4, D, positions, ...rotation });
    for (let row = 0; row < rows; row++) {
      const head = (index: number): Float32Array =>
        dX.subarray((3 * row + index) * D, (3 * row + index + 1) * D);
      expectClose(head(0), back.subarray(4 * row * D, (4 * row + 1) * D), twoSteps);
      expect(head(1)).toEqual(new Float32Array(D));
      expect(head(2)).toEqual(dY.subarray((4 * row + 2) * D, (4 * row + 3) * D));
    }
  });
});
