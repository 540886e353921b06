// Pooling on real execution, against float64.
import { describe, expect, it } from "vitest";
import { poolingMethods, poolingVariant, type PoolingName } from "../../src/kernels/pooling/pooling.js";
import { expectClose } from "../helpers/expect-close.js";
import { pad4, padRows, runKernel, useTestQueue } from "../helpers/gpu-run.js";
import { randomFloats } from "../helpers/random.js";
import { float32Reduction } from "../helpers/tolerances.js";
import { pool } from "../reference/pooling.js";

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
