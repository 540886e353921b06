// Norms of rows and of heads on real execution, against the float64 reference.
import { describe, expect, it } from "vitest";
import { addedNormVariant } from "../../src/kernels/norm/added-norm.js";
import { normVariant, type NormMethod } from "../../src/kernels/norm/norm.js";
import { expectClose } from "../helpers/expect-close.js";
import {
  pad4,
  padRows,
  runKernel,
  runKernelOutputs,
  shuffledRows,
  unpadRows,
  useTestQueue,
} from "../helpers/gpu-run.js";
import { randomFloats } from "../helpers/random.js";
import { float32Norm } from "../helpers/tolerances.js";
import { normForward } from "../reference/norm.js";

const epsilon = 1e-5;
const methods = ["layer", "rms"] as const;

describe("norms", () => {
  const queue = useTestQueue();

  interface Shape {
    readonly rows: number;
    /** Numbers that a norm is over. */
    readonly width: number;
    readonly heads?: number;
    /** Heads of a row of X in front of those that are normalised. */
    readonly leadingHeads?: number;
    /** Heads of a row of Y, which may have more than are normalised. */
    readonly outputHeads?: number;
    readonly gainOffset?: 0 | 1;
    readonly adds?: boolean;
    /** Added to every input: a mean far from 0 tells whether the variance is that of the centred values. */
    readonly shift?: number;
  }

  async function check(method: NormMethod, shape: Shape): Promise<void> {
    const { rows, width, heads = 1, outputHeads = heads, gainOffset = 0, adds = false, shift = 0 } = shape;
    const { leadingHeads = 0 } = shape;
    const inputHeads = leadingHeads + heads;
    const norms = rows * heads;
    const padded = pad4(width);
    const x = randomFloats(1, norms * width).map((value) => value + shift);
    const [gain, bias] = [randomFloats(2, width), randomFloats(3, width)];
    /** The rows with other heads in front. */
    const behindOthers = (values: Float32Array): Float32Array<ArrayBuffer> => {
      const result = new Float32Array(rows * inputHeads * padded).fill(3);
      for (let row = 0; row < rows; row++)
        result.set(
          values.subarray(row * heads * padded, (row + 1) * heads * padded),
          (row * inputHeads + leadingHeads) * padded,
        );
      return result;
    };
    const before = padRows(randomFloats(4, rows * outputHeads * width), width, padded);
    const y = await runKernel(
      queue(),
      normVariant({ method, vectors: padded / 4 }),
      {
        X: behindOthers(padRows(x, width, padded)),
        gain: padRows(gain, width, padded),
        bias: padRows(bias, width, padded),
        rowTable: Uint32Array.from([77, ...shuffledRows(rows)]),
        Y: before,
      },
      {
        firstEntry: 1,
        rowCount: rows,
        normsPerRow: heads,
        width,
        vectors: padded / 4,
        inputStride: (inputHeads * padded) / 4,
        inputOffset: (leadingHeads * padded) / 4,
        outputStride: (outputHeads * padded) / 4,
        epsilon,
        gainOffset,
        addToOutput: adds ? 1 : 0,
      },
      "Y",
    );
    const expected = normForward({ x, weight: gain, bias, C: width, epsilon, method, offset: gainOffset });
    for (let norm = 0; norm < norms; norm++) {
      const own = x.subarray(norm * width, (norm + 1) * width);
      const mean = method === "layer" ? own.reduce((sum, value) => sum + value, 0) / width : 0;
      const deviation = Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width);
      const at = (Math.floor(norm / heads) * outputHeads + (norm % heads)) * padded;
      expectClose(
        y.subarray(at, at + width),
        expected
          .subarray(norm * width, (norm + 1) * width)
          .map((value, c) => value + (adds ? before[at + c]! : 0)),
        float32Norm(width, mean, deviation),
      );
    }
    expect(padRows(unpadRows(y, width, padded), width, padded), "padding stays 0").toEqual(y);
    for (let row = 0; row < rows; row++) {
      const rest = [(row * outputHeads + heads) * padded, (row + 1) * outputHeads * padded] as const;
      expect(y.subarray(...rest), "heads that are not normalised").toEqual(before.subarray(...rest));
    }
  }

  it.each(methods)("by %s are those of rows of any width", async (method) => {
    for (const width of [2, 3, 4, 7, 48, 64, 129, 260, 768])
      for (const rows of [1, 3, 65]) await check(method, { rows, width, shift: 20 });
  });

  it.each(methods)("by %s are those of each head, and leave further heads as they are", async (method) => {
    for (const width of [8, 30, 64, 256]) {
      await check(method, { rows: 5, width, heads: 3, outputHeads: 4 });
      await check(method, { rows: 5, width, heads: 3, leadingHeads: 2 });
    }
  });

  it.each(methods)("by %s may be added to what is there, with gains that lack 1", async (method) => {
    for (const width of [6, 64]) await check(method, { rows: 9, width, gainOffset: 1, adds: true });
  });

  it.each([4, 6, 64, 254, 260, 1152])(
    "over %i numbers are added and normalised again with the bits of two dispatches",
    async (width) => {
      for (const rows of [1, 5, 17]) {
        const padded = pad4(width);
        const vectors = padded / 4;
        const pad = (values: Float32Array): Float32Array<ArrayBuffer> => padRows(values, width, padded);
        const own = shuffledRows(2 * rows).slice(0, rows);
        const [X, before] = [pad(randomFloats(1, 2 * rows * width)), pad(randomFloats(2, 2 * rows * width))];
        const [gain, nextGain] = [pad(randomFloats(3, width)), pad(randomFloats(4, width))];
        const [bias, rowTable] = [new Float32Array(padded), Uint32Array.from([77, ...own])];
        const call = {
          firstEntry: 1,
          rowCount: rows,
          normsPerRow: 1,
          width,
          vectors,
          inputStride: vectors,
          inputOffset: 0,
          outputStride: vectors,
          epsilon,
        };
        const variant = normVariant({ method: "rms", vectors });
        const untouched = new Float32Array(2 * rows * padded).fill(7);
        const sum = await runKernel(
          queue(),
          variant,
          { X, gain, bias, rowTable, Y: before },
          { ...call, gainOffset: 1, addToOutput: 1 },
          "Y",
        );
        const normalised = await runKernel(
          queue(),
          variant,
          { X: sum, gain: nextGain, bias, rowTable, Y: untouched },
          { ...call, gainOffset: 0, addToOutput: 0 },
          "Y",
        );
        const { Y, Z } = await runKernelOutputs(
          queue(),
          addedNormVariant(vectors),
          { X, gain, nextGain, bias, rowTable, Y: before, Z: untouched },
          { firstEntry: 1, rowCount: rows, width, vectors, epsilon, gainOffset: 1, nextGainOffset: 0 },
          ["Y", "Z"],
        );
        expect(bitsOf(Y)).toEqual(bitsOf(sum));
        expect(bitsOf(Z)).toEqual(bitsOf(normalised));
      }
    },
  );
});

const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.slice().buffer);
