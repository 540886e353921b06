// Gradients of layer normalisation on real execution, against the float64 reference.
import { describe, expect, it } from "vitest";
import {
  layerNormBackwardInputVariant,
  layerNormBackwardWeightVariant,
} from "../../src/kernels/norm/layer-norm-backward.js";
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
import { layerNormBackward } from "../reference/layer-norm-backward.js";

const epsilon = 1e-5;

describe("the gradients of layer norm", () => {
  const queue = useTestQueue();

  /** Rows of the table over an arena twice as tall, in random order, on top of gradients that are there; in one slab or more. */
  async function check(
    rows: number,
    C: number,
    offset: number,
    slabRows?: number,
  ): Promise<Record<string, Float32Array>> {
    const arenaRows = 2 * rows;
    const x = randomFloats(1, arenaRows * C).map((value) => value + offset);
    const [dY, gain] = [randomFloats(2, arenaRows * C), randomFloats(3, C)];
    const before = randomFloats(4, arenaRows * C);
    const [gainBefore, biasBefore] = [randomFloats(5, C), randomFloats(6, C)];
    const own = shuffledRows(arenaRows).slice(0, rows);
    const pad = (values: Float32Array): Float32Array<ArrayBuffer> => padRows(values, C, pad4(C));
    const shared = { X: pad(x), dY: pad(dY), rowTable: Uint32Array.from([77, ...own]) };
    const { dX, stats } = await runKernelOutputs(
      queue(),
      layerNormBackwardInputVariant,
      { ...shared, gain: pad(gain), dX: pad(before), stats: new Float32Array(2 * arenaRows).fill(7) },
      { firstEntry: 1, rowCount: rows, channels: C, channelVectors: pad4(C) / 4, epsilon },
      ["dX", "stats"],
    );
    const outputs = { dGain: pad(gainBefore), dBias: pad(biasBefore) };
    const weightGradient = (
      to: typeof outputs,
      more: { slabRows: number; addToOutput: number },
    ): Promise<typeof outputs> =>
      runKernelOutputs(
        queue(),
        layerNormBackwardWeightVariant,
        { ...shared, stats, ...to },
        { firstEntry: 1, rowCount: rows, channelVectors: pad4(C) / 4, ...more },
        ["dGain", "dBias"],
      );
    let { dGain, dBias } = outputs;
    if (slabRows === undefined) {
      ({ dGain, dBias } = await weightGradient(outputs, { slabRows: rows, addToOutput: 1 }));
    } else {
      const slabs = Math.ceil(rows / slabRows);
      // NaN: what is there must not count.
      const nothing = new Float32Array(slabs * pad4(C)).fill(Number.NaN);
      const to = { dGain: nothing, dBias: nothing };
      const partial = await weightGradient(to, { slabRows, addToOutput: 0 });
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
    for (let row = 0; row < arenaRows; row++) {
      const part = (values: Float32Array): Float32Array => values.subarray(row * C, (row + 1) * C);
      const actual = dX.subarray(row * pad4(C), row * pad4(C) + C);
      if (!listed.has(row)) {
        expect(actual, "a row that is not listed").toEqual(part(before));
        expect([stats[2 * row], stats[2 * row + 1]]).toEqual([7, 7]);
        continue;
      }
      const expected = layerNormBackward({ x: part(x), dY: part(dY), weight: gain, C, epsilon });
      const mean = part(x).reduce((sum, value) => sum + value, 0) / C;
      const variance = part(x).reduce((sum, value) => sum + (value - mean) ** 2, 0) / C;
      const deviation = Math.sqrt(variance + epsilon);
      worstMean = Math.max(worstMean, Math.abs(mean) / deviation);
      const size = Math.max(...part(dY).map((value, c) => Math.abs(value * gain[c]!)));
      const sum = expected.dX.map((value, c) => value + part(before)[c]!);
      expectClose(actual, sum, float32NormGradient(C, mean, deviation, size));
      expectClose(
        stats.subarray(2 * row, 2 * row + 2),
        [mean, 1 / deviation],
        float32Norm(C, mean, deviation),
      );
    }
    expect(padRows(unpadRows(dX, C, pad4(C)), C, pad4(C)), "padding stays 0").toEqual(dX);

    const ownX = [...own].flatMap((row) => [...x.subarray(row * C, (row + 1) * C)]);
    const ownY = [...own].flatMap((row) => [...dY.subarray(row * C, (row + 1) * C)]);
    const expected = layerNormBackward({ x: ownX, dY: ownY, weight: gain, C, epsilon });
    const size = Math.sqrt(meanSquareOfRandomFloats);
    expectClose(
      dGain.subarray(0, C),
      expected.dWeight.map((value, c) => value + gainBefore[c]!),
      // Terms of the size of dY, each wrong as its normal value is.
      float32Chain(rows, size * (1 + worstMean)),
    );
    expectClose(
      dBias.subarray(0, C),
      expected.dBias.map((value, c) => value + biasBefore[c]!),
      float32Chain(rows, size),
    );
    for (const values of [dGain, dBias])
      expect([...values.subarray(C)], "padding stays 0").toEqual(
        Array.from({ length: pad4(C) - C }, () => 0),
      );
    return { dX, stats, dGain, dBias };
  }

  it.each([2, 3, 4, 7, 48, 64, 65, 129])("are those of rows of %i channels", async (C) => {
    // A mean far from 0: the variance must be that of the centred values.
    for (const rows of [1, 7, 63, 64, 65, 130]) await check(rows, C, 20);
    await check(65, C, 0);
  });

  it("sum over slabs of rows, with the same bits in slabs of 64 as in one", async () => {
    for (const slabRows of [64, 128]) await check(130, 7, 3, slabRows);
    expect(await check(200, 66, 3, 64)).toEqual(await check(200, 66, 3));
  });

  it("have the same bits twice", async () => {
    expect(await check(130, 48, 3)).toEqual(await check(130, 48, 3));
  });
});
