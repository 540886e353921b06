// What becomes of the sums of linear layers, on real execution: what a kernel stores in one dispatch has the bits that two give.
import { beforeEach, describe, expect, it } from "vitest";
import { gateVariant } from "../../src/kernels/activation/gate.js";
import { scaleVariant } from "../../src/kernels/activation/scale.js";
import { Activation } from "../../src/kernels/linear/linear.js";
import { attentionOutput, gatedOutput, LinearFlag, rowOutput } from "../../src/kernels/linear/output.js";
import { halfLinearKernels, linearKernels } from "../../src/kernels/registry.js";
import { rotaryVariant } from "../../src/kernels/rotary/rotary.js";
import { angleTable } from "../../src/layers/rotary.js";
import {
  pad4,
  padLength,
  runKernel,
  runKernelOutputs,
  shuffledRows,
  storeWeight,
  useTestQueue,
} from "../helpers/gpu-run.js";
import { isLongRun } from "../helpers/long-run.js";
import { packHalves, randomFloats, randomHalves } from "../helpers/random.js";

// One, some, and more than a workgroup has in any kernel.
const rowCounts = [1, 7, 9, 37];

describe.each([...linearKernels, ...halfLinearKernels])("linear, $name", (kernel) => {
  const queue = useTestQueue();
  const isHalf = halfLinearKernels.includes(kernel);
  const firstElement = isHalf ? "f16" : "f32";
  const stored = (matrix: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> =>
    isHalf ? packHalves(matrix) : matrix;

  beforeEach((context) => {
    const { hasShaderF16, isSoftware } = queue().adapter;
    if (isHalf && !hasShaderF16) context.skip("products in f16 left out: no shader-f16");
    // The second software adapter is there for f16. What needs none runs on the first, and with --long here too.
    if (!isHalf && hasShaderF16 && isSoftware && !isLongRun())
      context.skip("without f16: as on the first software adapter");
  });

  it.each([
    { H: 3, KV: 1, D: 8, turned: 8 },
    { H: 2, KV: 2, D: 10, turned: 6 },
    { H: 4, KV: 2, D: 16, turned: 0 },
  ])("stores queries, keys and values with the bits of two dispatches: %o", async ({ H, KV, D, turned }) => {
    const [K, vectors] = [20, pad4(D) / 4];
    const N = 4 * vectors * (H + 2 * KV);
    const angles = angleTable(
      { frequencies: Array.from({ length: turned / 2 }, (_, pair) => 100 ** (-pair / turned)), factor: 1.2 },
      1024,
    );
    for (const rows of rowCounts) {
      const x = randomFloats(1, 2 * rows * K);
      const own = shuffledRows(2 * rows).slice(0, rows);
      const positions = Array.from({ length: rows }, (_, row) => (37 * row) % 1024);
      const rowInfo = new Uint32Array(4 * 2 * rows);
      for (const [entry, row] of own.entries()) rowInfo[4 * row + 1] = positions[entry]!;
      const inputs = {
        X: x,
        W: stored(storeWeight(randomHalves(2, N * K, 1 / Math.sqrt(K)), N, K)),
        bias: randomFloats(3, N),
        rowTable: Uint32Array.from([99, ...own, ...own.toReversed(), ...positions]),
        scales: new Uint32Array(1),
      };
      const shared = { firstEntry: 1, rowCount: rows, inputVectors: K / 4, outputVectors: N / 4 };
      const heads = {
        slotEntry: 1 + rows,
        headVectors: vectors,
        turnedVectors: Math.ceil(turned / 4),
        queryVectors: H * vectors,
        keyVectors: KV * vectors,
      };
      const joined = await runKernel(
        queue(),
        kernel.variant(Activation.none, firstElement, rowOutput),
        { ...inputs, Y: new Float32Array(2 * rows * N) },
        { ...shared, outputStride: N / 4, outputOffset: 0, outputEntry: 1, flags: 0, factor: 1 },
        "Y",
      );
      for (const keyValues of ["f32", "f16"] as const) {
        const before = {
          Q: new Float32Array(2 * rows * 4 * vectors * H).fill(7),
          KV: new Float32Array((2 * rows * 8 * vectors * KV) / (keyValues === "f32" ? 1 : 2)).fill(7),
        };
        const apart = await runKernelOutputs(
          queue(),
          rotaryVariant(keyValues),
          {
            Q: joined,
            K: joined,
            V: joined,
            angles: turned > 0 ? angles : joined,
            rowInfo,
            rowTable: inputs.rowTable,
            Q2: before.Q,
            KV: before.KV,
          },
          {
            firstEntry: 1,
            rowCount: rows,
            ...heads,
            queryStride: N / 4,
            keyStride: N / 4,
            keyOffset: H * vectors,
          },
          ["Q2", "KV"],
        );
        const fused = await runKernelOutputs(
          queue(),
          kernel.variant(Activation.none, firstElement, attentionOutput(keyValues)),
          { ...inputs, angles: turned > 0 ? angles : x, ...before },
          { ...shared, ...heads, outputOffset: 0, positionEntry: 1 + 2 * rows },
          ["Q", "KV"],
        );
        expect(bitsOf(fused.Q)).toEqual(bitsOf(apart.Q2));
        expect(bitsOf(fused.KV)).toEqual(bitsOf(apart.KV));
        // Some of the columns, by themselves: those behind the queries.
        const behind = 4 * vectors * H;
        const some = await runKernelOutputs(
          queue(),
          kernel.variant(Activation.none, firstElement, attentionOutput(keyValues)),
          {
            ...inputs,
            W: stored(storeWeight(randomHalves(2, N * K, 1 / Math.sqrt(K)).slice(behind * K), N - behind, K)),
            bias: inputs.bias.slice(behind),
            angles: turned > 0 ? angles : x,
            ...before,
          },
          {
            ...shared,
            ...heads,
            outputVectors: (N - behind) / 4,
            outputOffset: behind / 4,
            positionEntry: 1 + 2 * rows,
          },
          ["Q", "KV"],
        );
        expect(some.Q).toEqual(before.Q);
        expect(bitsOf(some.KV)).toEqual(bitsOf(apart.KV));
      }
    }
  });

  // Each is a variant to compile, which takes seconds on the second software adapter: there all of them with --long only.
  const gates = Object.entries(Activation).filter(([name]) => !isHalf || name === "silu" || isLongRun());
  it.each(gates)(
    "stores the product of gates by %s and ups with the bits of two dispatches",
    async (_, activation) => {
      const [K, F] = [20, 22];
      const N = 2 * pad4(F);
      for (const rows of rowCounts) {
        const own = shuffledRows(2 * rows).slice(0, rows);
        // Columns behind the pairs are padding.
        const weight = randomHalves(2, N * K, 3 / Math.sqrt(K)).map((value, at) =>
          at < 2 * F * K ? value : 0,
        );
        const inputs = {
          X: randomFloats(1, 2 * rows * K),
          W: stored(storeWeight(weight, N, K)),
          bias: padLength(randomFloats(3, 2 * F), N),
          rowTable: Uint32Array.from([99, ...own]),
          scales: new Uint32Array(1),
        };
        const shared = { firstEntry: 1, rowCount: rows, inputVectors: K / 4, outputVectors: N / 4 };
        const pairs = await runKernel(
          queue(),
          kernel.variant(activation, firstElement, rowOutput),
          { ...inputs, Y: new Float32Array(2 * rows * N) },
          { ...shared, outputStride: N / 4, outputOffset: 0, outputEntry: 1, flags: 0, factor: 1 },
          "Y",
        );
        const before = new Float32Array(2 * rows * pad4(F)).fill(7);
        const apart = await runKernel(
          queue(),
          gateVariant(activation),
          { X: pairs, rowTable: inputs.rowTable, Y: before },
          { firstEntry: 1, rowCount: rows, vectors: pad4(F) / 4 },
          "Y",
        );
        const fused = await runKernel(
          queue(),
          kernel.variant(activation, firstElement, gatedOutput),
          { ...inputs, Y: before },
          shared,
          "Y",
        );
        expect(bitsOf(fused)).toEqual(bitsOf(apart));
      }
    },
  );

  it("adds a multiple with the bits of two dispatches", async () => {
    const [rows, K, N, factor] = [9, 20, 24, 0.22];
    const table = Uint32Array.from(shuffledRows(rows));
    const inputs = {
      X: randomFloats(1, rows * K),
      W: stored(storeWeight(randomHalves(2, N * K, 1 / Math.sqrt(K)), N, K)),
      bias: randomFloats(3, N),
      rowTable: table,
      scales: new Uint32Array(1),
    };
    const params = {
      firstEntry: 0,
      rowCount: rows,
      inputVectors: K / 4,
      outputVectors: N / 4,
      outputStride: N / 4,
      outputOffset: 0,
      outputEntry: 0,
    };
    const variant = kernel.variant(Activation.none, firstElement, rowOutput);
    const before = randomFloats(4, rows * N);
    const run = (
      Y: Float32Array<ArrayBuffer>,
      flags: number,
      own: number,
    ): Promise<Float32Array<ArrayBuffer>> =>
      runKernel(queue(), variant, { ...inputs, Y }, { ...params, flags, factor: own }, "Y");
    const branch = await run(new Float32Array(rows * N), 0, 1);
    const apart = await runKernel(
      queue(),
      scaleVariant,
      { X: branch, rowTable: table, Y: before },
      { firstEntry: 0, rowCount: rows, vectors: N / 4, factor, addToOutput: 1 },
      "Y",
    );
    expect(bitsOf(await run(before, LinearFlag.addToOutput, factor))).toEqual(bitsOf(apart));
  });
});

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}
