// Pooling on real execution, against float64.
import { describe, expect, it } from "vitest";
import { poolingMethods, poolingVariant, type PoolingName } from "../../src/kernels/pooling/pooling.js";
import { Activation } from "../../src/kernels/linear/linear.js";
import { finishVariant, TANH } from "../../src/kernels/pooling/finish.js";
import { expectClose } from "../helpers/expect-close.js";
import { pad4, padRows, runKernel, useTestQueue } from "../helpers/gpu-run.js";
import { randomFloats } from "../helpers/random.js";
import { float32Reduction } from "../helpers/tolerances.js";
import { activations } from "../reference/activation.js";
import { finishRow, pool } from "../reference/pooling.js";

const queue = useTestQueue();

describe.each(Object.entries(poolingMethods) as [PoolingName, number][])(
  "pooling by %s",
  (name, poolingMethod) => {
    it("gives a row for each sentence, whatever its length and what is left out", async () => {
      for (const C of [1, 10, 16]) {
        // First row, rows, rows that are left out.
        const sentences = [
          [3, 1, 0],
          [4, 64, 0],
          [68, 130, 0],
          [198, 70, 66],
          [268, 9, 8],
        ] as const;
        const X = randomFloats(1, 280 * C);
        const [stride, offset] = [pad4(C) / 4 + 2, 1];
        const Y = await runKernel(
          queue(),
          poolingVariant,
          {
            X: padRows(X, C, pad4(C)),
            table: Uint32Array.from([999, ...sentences.flat()]),
            Y: new Float32Array(sentences.length * 4 * stride).fill(7),
          },
          {
            firstWord: 1,
            sentenceCount: sentences.length,
            channelVectors: pad4(C) / 4,
            poolingMethod,
            outputStride: stride,
            outputOffset: offset,
          },
          "Y",
        );
        for (const [index, [first, count, skipped]] of sentences.entries()) {
          const row = Y.subarray(4 * index * stride, 4 * (index + 1) * stride);
          const expected = pool(X.subarray(first * C, (first + count) * C), C, name, skipped);
          expectClose(row.subarray(4, 4 + C), expected, float32Reduction(4));
          expect([...row.subarray(0, 4), ...row.subarray(4 + pad4(C))]).toEqual(Array(8).fill(7));
        }
      }
    });
  },
);

describe.each([
  [Activation.none, (x: number) => x],
  [Activation.geluErf, activations["gelu-erf"]],
  [Activation.relu, activations.relu],
  [TANH, Math.tanh],
] as const)("finishing rows with activation %i", (activation, activate) => {
  it("gives the first numbers of rows, however they are joined, of length 1 if asked for", async () => {
    for (const [count, C, width] of [
      [1, 1, 1],
      [1, 64, 64],
      [1, 130, 129],
      [2, 10, 20],
      [3, 5, 13],
    ] as const)
      for (const normalises of [false, true]) {
        const rows = 5;
        const X = randomFloats(2, rows * count * C, 3);
        X.fill(0, 0, count * C); // a row of zeros
        const inputStride = (count * pad4(C)) / 4 + 1;
        const padded = new Float32Array(4 * inputStride * rows).fill(9);
        for (let row = 0; row < rows; row++)
          for (let part = 0; part < count; part++)
            padded.set(
              X.subarray((row * count + part) * C, (row * count + part + 1) * C),
              4 * inputStride * row + part * pad4(C),
            );
        const stride = pad4(width);
        const Y = await runKernel(
          queue(),
          finishVariant(activation),
          { X: padded, Y: new Float32Array(rows * stride).fill(7) },
          {
            rowCount: rows,
            inputStride,
            partWidth: C,
            partVectors: pad4(C) / 4,
            width,
            outputVectors: stride / 4,
            normalises: normalises ? 1 : 0,
          },
          "Y",
        );
        for (let row = 0; row < rows; row++) {
          const expected = finishRow(X.subarray(row * count * C, (row + 1) * count * C), {
            width,
            activate,
            normalises,
          });
          const own = Y.subarray(row * stride, (row + 1) * stride);
          expectClose(own.subarray(0, width), expected, float32Reduction(4));
          expect([...own.subarray(width)]).toEqual(Array(stride - width).fill(0));
        }
      }
  });
});
