// Gradients of norms on real execution, against the float64 reference.
import { describe, expect, it } from "vitest";
import { normBackwardInputVariant, normBackwardWeightVariant } from "../../src/kernels/norm/backward.js";
import type { NormMethod } from "../../src/kernels/norm/norm.js";
import { weightSumVariant } from "../../src/kernels/linear/weight-sum.js";
import { expectClose } from "../helpers/expect-close.js";
import {
  pad4,
  padRows,
  runKernelOutputs,
  shuffledRows,
  unpadRows,
  useTestQueue,
} from "../helpers/gpu-run.js";
import { meanSquareOfRandomFloats, randomFloats } from "../helpers/random.js";
import { float32Chain, float32Norm, float32NormGradient } from "../helpers/tolerances.js";
import { normBackward } from "../reference/norm-backward.js";

const epsilon = 1e-5;

describe("the gradients of norms", () => {
  const queue = useTestQueue();

  interface Shape {
    readonly method?: NormMethod;
    readonly rows: number;
    /** Numbers that a norm is over. */
    readonly width: number;
    readonly heads?: number;
    readonly gainOffset?: 0 | 1;
    /** Whether gradients are added to what is there. */
    readonly adds?: boolean;
    /** Added to every input. */
    readonly shift?: number;
    /** Norms of a slab. Default: all. */
    readonly slabNorms?: number;
  }

  /** Rows of the table over an arena twice as tall, in random order, on top of gradients that are there. */
  async function check(shape: Shape): Promise<Record<string, Float32Array>> {
    const { method = "layer", rows, width: C, heads = 1, gainOffset = 0, adds = true, shift = 0 } = shape;
    const { slabNorms } = shape;
    const arenaRows = 2 * rows;
    const x = randomFloats(1, arenaRows * heads * C).map((value) => value + shift);
    const [dY, gain] = [randomFloats(2, arenaRows * heads * C), randomFloats(3, C)];
    const before = randomFloats(4, arenaRows * heads * C);
    const [gainBefore, biasBefore] = [randomFloats(5, C), randomFloats(6, C)];
    const own = shuffledRows(arenaRows).slice(0, rows);
    const pad = (values: Float32Array): Float32Array<ArrayBuffer> => padRows(values, C, pad4(C));
    const vectors = pad4(C) / 4;
    // Rows of several heads have one in front that is not normalised.
    const leading = heads === 1 ? 0 : pad4(C);
    const rowWidth = heads * pad4(C);
    const behindOthers = (values: Float32Array): Float32Array<ArrayBuffer> => {
      const result = new Float32Array(arenaRows * (leading + rowWidth)).fill(3);
      for (let row = 0; row < arenaRows; row++)
        result.set(
          values.subarray(row * rowWidth, (row + 1) * rowWidth),
          row * (leading + rowWidth) + leading,
        );
      return result;
    };
    const shared = {
      X: behindOthers(pad(x)),
      dY: pad(dY),
      rowTable: Uint32Array.from([77, ...own]),
    };
    const strides = {
      normsPerRow: heads,
      vectors,
      inputStride: (leading + rowWidth) / 4,
      inputOffset: leading / 4,
      outputStride: heads * vectors,
    };
    const { dX: wholeRows, stats } = await runKernelOutputs(
      queue(),
      normBackwardInputVariant({ method, vectors }),
      {
        ...shared,
        gain: pad(gain),
        dX: behindOthers(pad(before)),
        stats: new Float32Array(2 * arenaRows * heads).fill(7),
      },
      { firstEntry: 1, rowCount: rows, width: C, ...strides, epsilon, gainOffset, addToOutput: adds ? 1 : 0 },
      ["dX", "stats"],
    );
    const dX = new Float32Array(arenaRows * rowWidth);
    for (let row = 0; row < arenaRows; row++) {
      const begin = row * (leading + rowWidth);
      dX.set(wholeRows.subarray(begin + leading, begin + leading + rowWidth), row * rowWidth);
      expect(wholeRows.subarray(begin, begin + leading)).toEqual(new Float32Array(leading).fill(3));
    }
    const outputs = { dGain: pad(gainBefore), dBias: pad(biasBefore) };
    const weightGradient = (
      to: typeof outputs,
      more: { slabNorms: number; addToOutput: number },
    ): Promise<typeof outputs> =>
      runKernelOutputs(
        queue(),
        normBackwardWeightVariant,
        { ...shared, stats, ...to },
        { firstEntry: 1, normCount: rows * heads, ...strides, ...more },
        ["dGain", "dBias"],
      );
    let { dGain, dBias } = outputs;
    if (slabNorms === undefined) {
      ({ dGain, dBias } = await weightGradient(outputs, { slabNorms: rows * heads, addToOutput: 1 }));
    } else {
      const slabs = Math.ceil((rows * heads) / slabNorms);
      // NaN: what is there must not count.
      const nothing = new Float32Array(slabs * pad4(C)).fill(Number.NaN);
      const to = { dGain: nothing, dBias: nothing };
      const partial = await weightGradient(to, { slabNorms, addToOutput: 0 });
      const sum = await runKernelOutputs(
        queue(),
        weightSumVariant,
        { partialW: partial.dGain, partialB: partial.dBias, dW: dGain, db: dBias },
        { weightVectors: pad4(C) / 4, biasVectors: pad4(C) / 4, slabs },
        ["dW", "db"],
      );
      [dGain, dBias] = [sum.dW, sum.db];
    }

    const listed = new Set(own);
    let worstMean = 0;
    for (let norm = 0; norm < arenaRows * heads; norm++) {
      const part = (values: Float32Array): Float32Array => values.subarray(norm * C, (norm + 1) * C);
      const actual = dX.subarray(norm * pad4(C), norm * pad4(C) + C);
      if (!listed.has(Math.floor(norm / heads))) {
        expect(actual, "a row that is not listed").toEqual(part(before));
        expect([stats[2 * norm], stats[2 * norm + 1]]).toEqual([7, 7]);
        continue;
      }
      const expected = normBackward({
        x: part(x),
        dY: part(dY),
        weight: gain,
        C,
        epsilon,
        method,
        offset: gainOffset,
      });
      const mean = method === "layer" ? part(x).reduce((sum, value) => sum + value, 0) / C : 0;
      const variance = part(x).reduce((sum, value) => sum + (value - mean) ** 2, 0) / C;
      const deviation = Math.sqrt(variance + epsilon);
      worstMean = Math.max(worstMean, Math.abs(mean) / deviation);
      const size = Math.max(...part(dY).map((value, c) => Math.abs(value * (gain[c]! + gainOffset))));
      const sum = expected.dX.map((value, c) => value + (adds ? part(before)[c]! : 0));
      expectClose(actual, sum, float32NormGradient(C, mean, deviation, size));
      expectClose(
        stats.subarray(2 * norm, 2 * norm + 2),
        [mean, 1 / deviation],
        float32Norm(C, mean, deviation),
      );
    }
    expect(padRows(unpadRows(dX, C, pad4(C)), C, pad4(C)), "padding stays 0").toEqual(dX);

    const width = heads * C;
    const ownX = [...own].flatMap((row) => [...x.subarray(row * width, (row + 1) * width)]);
    const ownY = [...own].flatMap((row) => [...dY.subarray(row * width, (row + 1) * width)]);
    const expected = normBackward({ x: ownX, dY: ownY, weight: gain, C, epsilon, method });
    const size = Math.sqrt(meanSquareOfRandomFloats);
    expectClose(
      dGain.subarray(0, C),
      expected.dWeight.map((value, c) => value + gainBefore[c]!),
      // Terms of the size of dY, each wrong as its normal value is.
      float32Chain(rows * heads, size * (1 + worstMean)),
    );
    expectClose(
      dBias.subarray(0, C),
      expected.dBias.map((value, c) => value + biasBefore[c]!),
      float32Chain(rows * heads, size),
    );
    for (const values of [dGain, dBias])
      expect([...values.subarray(C)], "padding stays 0").toEqual(
        Array.from({ length: pad4(C) - C }, () => 0),
      );
    return { dX, stats, dGain, dBias };
  }

  it.each([2, 3, 4, 7, 48, 64, 65, 129, 260])("are those of rows of %i numbers", async (width) => {
    // A mean far from 0: the variance must be that of the centred values.
    for (const rows of [1, 7, 65, 130]) await check({ rows, width, shift: 20 });
    await check({ rows: 65, width });
    await check({ method: "rms", rows: 65, width, gainOffset: 1 });
  });

  it.each(["layer", "rms"] as const)("are those of each head, by %s", async (method) => {
    for (const width of [8, 30, 64, 256]) await check({ method, rows: 7, width, heads: 3, adds: false });
  });

  it("sum over slabs of norms, with the same bits in slabs of 64 as in one", async () => {
    for (const slabNorms of [64, 128]) await check({ rows: 130, width: 7, shift: 3, slabNorms });
    await check({ method: "rms", rows: 40, width: 8, heads: 4, slabNorms: 64 });
    expect(await check({ rows: 200, width: 66, shift: 3, slabNorms: 64 })).toEqual(
      await check({ rows: 200, width: 66, shift: 3 }),
    );
  });

  it("have the same bits twice", async () => {
    expect(await check({ rows: 130, width: 48, shift: 3 })).toEqual(
      await check({ rows: 130, width: 48, shift: 3 }),
    );
  });
});
