// Linear kernels on real execution, against the float64 reference.
import { beforeEach, describe, expect, it } from "vitest";
import type { ElementType } from "../../src/gpu/kernel.js";
import { Activation, type LinearKernel } from "../../src/kernels/linear/linear.js";
import { LinearFlag, rowOutput } from "../../src/kernels/linear/output.js";
import { halfLinearKernels, linearKernels } from "../../src/kernels/registry.js";
import { isLongRun } from "../helpers/long-run.js";
import { expectClose } from "../helpers/expect-close.js";
import {
  pad4,
  padLength,
  padRows,
  runKernel,
  shuffledRows,
  storeWeight,
  unpadRows,
  useTestQueue,
} from "../helpers/gpu-run.js";
import { packHalves, randomFloats, packBfloats, randomBfloats, randomHalves } from "../helpers/random.js";
import { float16Products, float32Elementwise, float32Reduction } from "../helpers/tolerances.js";
import { linearForward } from "../reference/linear.js";

// 1, a prime, tile−1, tile, tile+1 of the register tiles, and more than one workgroup; widths that are no multiples of 4.
const rowCounts = [1, 5, 7, 8, 9, 37];
// Around the edges of the tiles in workgroup memory, and of their 16 inputs at a time.
const tileShapes: readonly (readonly [rows: number, K: number, N: number])[] = [
  [31, 15, 63],
  [32, 16, 64],
  [33, 17, 65],
  [63, 16, 127],
  [65, 20, 64],
  [127, 33, 129],
  [128, 16, 128],
  [129, 12, 5],
];
// Around the edges of blocks of products: 128 inputs, and 8 blocks side by side.
const blockWidths = [127, 128, 132, 260, 1030];
const widths: readonly (readonly [K: number, N: number])[] = [
  [1, 1],
  [3, 5],
  [7, 7],
  [8, 8],
  [9, 9],
  [31, 130],
  [64, 33],
  [130, 3],
];

interface Case {
  readonly rows: number;
  readonly K: number;
  readonly N: number;
  readonly activation?: Activation;
  readonly addToOutput?: boolean;
  readonly compactOutput?: boolean;
  readonly scale?: number;
  readonly element?: ElementType;
}

const referenceActivation = {
  [Activation.none]: undefined,
  [Activation.geluTanh]: "gelu-tanh",
  [Activation.geluErf]: "gelu-erf",
  [Activation.relu]: "relu",
  [Activation.silu]: "silu",
} as const;

describe.each([...linearKernels, ...halfLinearKernels])("linear, $name", (kernel) => {
  const queue = useTestQueue();
  const isHalf = halfLinearKernels.includes(kernel);
  const [first, firstElement] = isHalf
    ? ([halfLinearKernels[0], "f16"] as const)
    : ([linearKernels[0], "f32"] as const);
  /** `magnitudes`: what sums are without signs. */
  const expectSums = (
    actual: Float32Array,
    expected: Float64Array,
    magnitudes: Float64Array,
    squares: number,
  ): void => {
    if (!isHalf) return expectClose(actual, expected, float32Reduction(squares));
    // Where there is next to no sum, the bias and what is added are still rounded in f32.
    const errors = expected.map((value, index) => (actual[index]! - value) / (magnitudes[index]! + 1e-3));
    expectClose(errors, new Float64Array(errors.length), float16Products);
  };
  const stored = (matrix: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> =>
    firstElement === "f32" ? matrix : packHalves(matrix);

  beforeEach((context) => {
    const { hasShaderF16, isSoftware } = queue().adapter;
    if (isHalf && !hasShaderF16) context.skip("products in f16 left out: no shader-f16");
    // The second software adapter is there for f16. What needs none runs on the first, and with --long here too.
    const isOfFirst = !isHalf && hasShaderF16 && isSoftware && !context.task.name.includes("in 16 bits");
    if (isOfFirst && !isLongRun()) context.skip("without f16: as on the first software adapter");
  });

  /** Runs a case over an arena twice as tall, its rows listed in random order; compares, and checks the other rows. */
  async function check(options: Case): Promise<Float32Array> {
    const { rows, K, N, activation = 0, addToOutput = false, compactOutput = false, scale = 1 } = options;
    const { element = firstElement } = options;
    const arenaRows = 2 * rows;
    const x = randomFloats(1, arenaRows * K, scale);
    const weight = (element === "bf16" ? randomBfloats : randomHalves)(2, N * K, 1 / Math.sqrt(K));
    const matrix = storeWeight(weight, N, K);
    const bias = randomFloats(3, N);
    const before = randomFloats(4, arenaRows * N);
    const rowTable = shuffledRows(arenaRows).slice(0, rows);
    const run = (own: LinearKernel, elementOfRun: ElementType): Promise<Float32Array> =>
      runKernel(
        queue(),
        own.variant(activation, elementOfRun, rowOutput),
        {
          X: padRows(x, K, pad4(K)),
          W: elementOfRun === "f32" ? matrix : (elementOfRun === "bf16" ? packBfloats : packHalves)(matrix),
          bias: padLength(bias, pad4(N)),
          rowTable,
          scales: new Uint32Array(1),
          Y: padRows(before, N, pad4(N)),
        },
        {
          firstEntry: 0,
          rowCount: rows,
          inputVectors: pad4(K) / 4,
          outputVectors: pad4(N) / 4,
          outputStride: pad4(N) / 4,
          outputOffset: 0,
          outputEntry: 0,
          factor: 1,
          flags:
            LinearFlag.activate |
            (addToOutput ? LinearFlag.addToOutput : 0) |
            (compactOutput ? LinearFlag.compactOutput : 0),
        },
        "Y",
      );
    const y = await run(kernel, element);
    if (kernel !== first || element !== firstElement)
      expect(bitsOf(y), "bits of the first kernel").toEqual(bitsOf(await run(first, firstElement)));
    const product = linearForward({ x, weight, bias, activation: referenceActivation[activation], N, K });
    const magnitude = linearForward({ x: x.map(Math.abs), weight: weight.map(Math.abs), N, K });
    const expected = Float64Array.from(before);
    const magnitudes = new Float64Array(before.length);
    for (const [entry, row] of rowTable.entries()) {
      const target = compactOutput ? entry : row;
      for (let column = 0; column < N; column++) {
        const value = product[row * N + column]!;
        expected[target * N + column] = value + (addToOutput ? before[target * N + column]! : 0);
        magnitudes[target * N + column] = magnitude[row * N + column]!;
      }
    }
    expectSums(unpadRows(y, N, pad4(N)), expected, magnitudes, K * scale * scale);
    return y;
  }

  it.each(widths)("multiplies %i inputs to %i outputs for every row count", async (K, N) => {
    for (const rows of rowCounts) await check({ rows, K, N });
  });

  it.each(tileShapes)("multiplies %i rows of %i inputs to %i outputs", async (rows, K, N) => {
    await check({ rows, K, N });
  });

  it("gives the bits of weights stored as f32 for the same weights stored in 16 bits", async () => {
    const reads: ElementType[] = isHalf ? [] : ["packed-f16", "bf16"];
    if (queue().adapter.hasShaderF16) reads.push("f16");
    else console.info("1 of 3 ways to read weights of 16 bits left out: no shader-f16");
    for (const element of reads)
      for (const rows of [1, 3, 9, 37]) await check({ rows, K: 30, N: 67, element });
  });

  it.each(Object.entries(Activation))(
    "applies the activation %s, also to values of ±50",
    async (_, activation) => {
      await check({ rows: 9, K: 12, N: 9, activation });
      // X·W with W = 1 and no bias of note: the values reach the activation almost as they are.
      const values = Float32Array.from({ length: 101 }, (__, index) => index - 50);
      const y = await runKernel(
        queue(),
        kernel.variant(activation, firstElement, rowOutput),
        {
          X: padRows(values, 1, 4),
          W: stored(Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
          bias: new Float32Array(4),
          rowTable: Uint32Array.from(values.keys()),
          scales: new Uint32Array(1),
          Y: new Float32Array(4 * values.length),
        },
        {
          firstEntry: 0,
          rowCount: values.length,
          inputVectors: 1,
          outputVectors: 1,
          outputStride: 1,
          outputOffset: 0,
          outputEntry: 0,
          factor: 1,
          flags: LinearFlag.activate,
        },
        "Y",
      );
      const name = referenceActivation[activation];
      const expected = linearForward({ x: values, weight: [1], activation: name, N: 1, K: 1 });
      expectClose(unpadRows(y, 1, 4), expected, float32Elementwise);
    },
  );

  it("sums over several blocks of inputs", async () => {
    for (const K of blockWidths) for (const rows of [1, 3, 8, 9]) await check({ rows, K, N: 21 });
  });

  it("adds to what its output holds, for the residual connection", async () => {
    for (const rows of rowCounts) await check({ rows, K: 16, N: 12, addToOutput: true });
  });

  it("writes rows compactly, in the order of the table", async () => {
    for (const rows of rowCounts) await check({ rows, K: 16, N: 13, compactOutput: true });
  });

  it("writes rows where a second table says", async () => {
    const [rows, K, N] = [9, 8, 8];
    const x = randomFloats(1, rows * K);
    const weight = randomHalves(2, N * K, 1 / Math.sqrt(K));
    const targets = shuffledRows(2 * rows).slice(0, rows);
    const y = await runKernel(
      queue(),
      kernel.variant(Activation.none, firstElement, rowOutput),
      {
        X: x,
        W: stored(storeWeight(weight, N, K)),
        bias: new Float32Array(N),
        rowTable: Uint32Array.from([...Array.from({ length: rows }, (_, row) => row), ...targets]),
        scales: new Uint32Array(1),
        Y: new Float32Array(2 * rows * N),
      },
      {
        firstEntry: 0,
        rowCount: rows,
        inputVectors: K / 4,
        outputVectors: N / 4,
        outputStride: N / 4,
        outputOffset: 0,
        outputEntry: rows,
        factor: 1,
        flags: 0,
      },
      "Y",
    );
    const product = linearForward({ x, weight, N, K });
    const magnitude = linearForward({ x: x.map(Math.abs), weight: weight.map(Math.abs), N, K });
    const [expected, magnitudes] = [new Float64Array(2 * rows * N), new Float64Array(2 * rows * N)];
    for (const [row, target] of targets.entries()) {
      expected.set(product.subarray(row * N, (row + 1) * N), target * N);
      magnitudes.set(magnitude.subarray(row * N, (row + 1) * N), target * N);
    }
    expectSums(y, expected, magnitudes, K);
  });

  it("is exact to rounding for inputs of large and small scale", async () => {
    await check({ rows: 8, K: 64, N: 64, scale: 50 });
    await check({ rows: 8, K: 64, N: 64, scale: 1e-3 });
  });

  it("gives the same bits twice", async () => {
    const options = { rows: 37, K: 130, N: 33, activation: Activation.geluTanh };
    expect(await check(options)).toEqual(await check(options));
  });
});

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}
