// Gradients of the linear layer on real execution, against the float64 reference.
import { describe, expect, it } from "vitest";
import { Activation } from "../../src/kernels/linear/linear.js";
import {
  linearBackwardInputVariant,
  linearBackwardWeightVariant,
} from "../../src/kernels/linear/backward.js";
import { GradientFlag } from "../../src/kernels/linear/gradient.js";
import { weightSumVariant } from "../../src/kernels/linear/weight-sum.js";
import { expectClose } from "../helpers/expect-close.js";
import {
  pad4,
  padRows,
  runKernel,
  runKernelOutputs,
  shuffledRows,
  storeWeight,
  unpadRows,
  useTestQueue,
} from "../helpers/gpu-run.js";
import { meanSquareOfRandomFloats, randomFloats } from "../helpers/random.js";
import { float32Chain, float32Elementwise } from "../helpers/tolerances.js";
import { linearBackwardInput, linearBackwardWeight } from "../reference/linear-backward.js";

// 1, a prime, tile−1, tile, tile+1, and more than one workgroup; widths that are no multiples of 4.
const rowCounts = [1, 5, 7, 8, 9, 37];
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

const referenceActivation = {
  [Activation.none]: undefined,
  [Activation.geluTanh]: "gelu-tanh",
  [Activation.geluErf]: "gelu-erf",
  [Activation.relu]: "relu",
  [Activation.silu]: "silu",
} as const;

interface Case {
  readonly rows: number;
  readonly K: number;
  readonly N: number;
  readonly activation?: Activation;
  /** False for a product of the model that no activation comes before. */
  readonly throughActivation?: boolean;
  readonly addToOutput?: boolean;
  /** Rows of dY are those of the table's entries, not of the arena. */
  readonly compactGradient?: boolean;
  /** The table lists other rows of dY than of the other side. */
  readonly ownGradientRows?: boolean;
  /** vec4 columns of dY before and behind those that are read. */
  readonly margins?: readonly [before: number, behind: number];
  readonly scale?: number;
  /** For weights: rows of a slab, whose sums a second kernel adds; by default there is one slab, which adds by itself. */
  readonly slabRows?: number;
}

/** Tables, parameters and gradients of a case, over an arena twice as tall. */
function arrange(options: Case): {
  arenaRows: number;
  rowTable: Uint32Array<ArrayBuffer>;
  dY: Float32Array<ArrayBuffer>;
  /** The rows of dY that belong to the entries, side by side (rows, N). */
  gradients: Float32Array;
  stored: Float32Array<ArrayBuffer>;
  params: Record<
    | "firstEntry"
    | "rowCount"
    | "inputVectors"
    | "outputVectors"
    | "gradientStride"
    | "gradientOffset"
    | "outputEntry"
    | "flags",
    number
  >;
} {
  const { rows, K, N, compactGradient, ownGradientRows, margins: [before, behind] = [0, 0], scale } = options;
  const arenaRows = 2 * rows;
  const dY = randomFloats(4, arenaRows * N, scale);
  const own = shuffledRows(arenaRows).slice(0, rows);
  const others = ownGradientRows ? shuffledRows(arenaRows).slice(rows) : own;
  const gradientRows = compactGradient ? own.map((_, entry) => entry) : others;
  const gradients = new Float32Array(rows * N);
  for (const [entry, row] of gradientRows.entries())
    gradients.set(dY.subarray(row * N, (row + 1) * N), entry * N);
  const stride = before + pad4(N) / 4 + behind;
  // NaN wherever nothing may be read.
  const stored = new Float32Array(4 * arenaRows * stride).fill(Number.NaN);
  const padded = padRows(dY, N, pad4(N));
  for (let row = 0; row < arenaRows; row++)
    stored.set(padded.subarray(row * pad4(N), (row + 1) * pad4(N)), 4 * (row * stride + before));
  return {
    arenaRows,
    // Three entries that are none of this dispatch's.
    rowTable: Uint32Array.from([0, 0, 0, ...own, ...others]),
    dY,
    gradients,
    stored,
    params: {
      firstEntry: 3,
      rowCount: rows,
      inputVectors: pad4(K) / 4,
      outputVectors: pad4(N) / 4,
      gradientStride: stride,
      gradientOffset: before,
      outputEntry: compactGradient ? 999_999 : 3 + rows,
      flags:
        (options.throughActivation === false ? 0 : GradientFlag.throughActivation) |
        (options.addToOutput ? GradientFlag.addToOutput : 0) |
        (compactGradient ? GradientFlag.compactGradient : 0),
    },
  };
}

describe("the gradient of a linear layer's inputs", () => {
  const queue = useTestQueue();

  /** Compares the rows of the table, and checks that the others stay as they were. */
  async function check(options: Case): Promise<Float32Array> {
    const { rows, K, N, activation = 0, addToOutput = false, scale = 1 } = options;
    const { arenaRows, rowTable, gradients, stored, params } = arrange(options);
    const weight = randomFloats(2, N * K, 1 / Math.sqrt(N));
    const P = randomFloats(3, arenaRows * K);
    const before = randomFloats(5, arenaRows * K, scale);
    const dX = await runKernel(
      queue(),
      linearBackwardInputVariant(activation),
      {
        dY: stored,
        W: storeWeight(weight, N, K),
        P: padRows(P, K, pad4(K)),
        rowTable,
        dX: padRows(before, K, pad4(K)),
      },
      params,
      "dX",
    );
    const own = rowTable.subarray(3, 3 + rows);
    const ownP = new Float32Array(rows * K);
    for (const [entry, row] of own.entries()) ownP.set(P.subarray(row * K, (row + 1) * K), entry * K);
    const name = options.throughActivation === false ? undefined : referenceActivation[activation];
    const product = linearBackwardInput({ dY: gradients, weight, activation: name, P: ownP, N, K });
    const expected = Float64Array.from(before);
    for (const [entry, row] of own.entries())
      for (let k = 0; k < K; k++)
        expected[row * K + k] = product[entry * K + k]! + (addToOutput ? before[row * K + k]! : 0);
    expectClose(
      unpadRows(dX, K, pad4(K)),
      expected,
      float32Chain(N, (scale * meanSquareOfRandomFloats) / Math.sqrt(N)),
    );
    expect(padRows(unpadRows(dX, K, pad4(K)), K, pad4(K)), "padding stays 0").toEqual(dX);
    return dX;
  }

  it.each(widths)("for %i inputs and %i outputs and every row count", async (K, N) => {
    for (const rows of rowCounts) await check({ rows, K, N });
  });

  it("sums over several blocks of outputs", async () => {
    for (const N of [127, 128, 132, 260]) await check({ rows: 9, K: 9, N });
  });

  it("takes gradients compactly, in the order of the table", async () => {
    for (const rows of rowCounts) await check({ rows, K: 13, N: 16, compactGradient: true });
  });

  it("takes gradients from rows that a second table lists", async () => {
    for (const rows of rowCounts) await check({ rows, K: 13, N: 9, ownGradientRows: true });
  });

  it("takes gradients from some columns of wider rows", async () => {
    for (const margins of [
      [0, 2],
      [3, 0],
      [1, 1],
    ] as const) {
      await check({ rows: 9, K: 12, N: 10, margins });
      await check({ rows: 9, K: 12, N: 10, margins, compactGradient: true });
    }
  });

  it("adds to what is there", async () => {
    for (const rows of rowCounts) await check({ rows, K: 16, N: 12, addToOutput: true });
    await check({ rows: 9, K: 10, N: 6, addToOutput: true, compactGradient: true, activation: 1 });
  });

  it.each(Object.entries(Activation))("goes back through %s, also at ±50", async (_, activation) => {
    for (const addToOutput of [false, true]) await check({ rows: 9, K: 14, N: 9, activation, addToOutput });
    // dY = 1 and W = 1: the slopes themselves, from −50 to 50 in steps of 1/8, 0 among them.
    const P = Float32Array.from({ length: 801 }, (__, index) => (index - 400) / 8);
    const dX = await runKernel(
      queue(),
      linearBackwardInputVariant(activation),
      {
        dY: padRows(new Float32Array(P.length).fill(1), 1, 4),
        W: Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        P: padRows(P, 1, 4),
        rowTable: Uint32Array.from(P.keys()),
        dX: new Float32Array(4 * P.length),
      },
      {
        firstEntry: 0,
        rowCount: P.length,
        inputVectors: 1,
        outputVectors: 1,
        gradientStride: 1,
        gradientOffset: 0,
        outputEntry: 0,
        flags: GradientFlag.throughActivation,
      },
      "dX",
    );
    const name = referenceActivation[activation];
    const dY = new Float32Array(P.length).fill(1);
    const expected = linearBackwardInput({ dY, weight: [1], activation: name, P, N: 1, K: 1 });
    expectClose(unpadRows(dX, 1, 4), expected, float32Elementwise);
  });

  it.each(Object.entries(Activation))(
    "leaves %s out where nothing came through it",
    async (_, activation) => {
      for (const compactGradient of [false, true])
        await check({ rows: 9, K: 14, N: 9, activation, throughActivation: false, compactGradient });
    },
  );

  it("is exact to rounding for gradients of large and small scale", async () => {
    await check({ rows: 8, K: 64, N: 64, scale: 50 });
    await check({ rows: 8, K: 64, N: 64, scale: 1e-3 });
  });

  it("gives the same bits twice, and for a row whatever rows come with it", async () => {
    const options = { rows: 37, K: 33, N: 130, activation: Activation.geluTanh };
    const [once, twice] = [await check(options), await check(options)];
    expect(once).toEqual(twice);
    const { arenaRows, rowTable, stored, params } = arrange(options);
    const entries = [...rowTable.subarray(3, 40)];
    for (const entry of [0, 17, 36]) {
      const row = entries[entry]!;
      const alone = await runKernel(
        queue(),
        linearBackwardInputVariant(Activation.geluTanh),
        {
          dY: stored,
          W: storeWeight(randomFloats(2, 130 * 33, 1 / Math.sqrt(130)), 130, 33),
          P: padRows(randomFloats(3, arenaRows * 33), 33, 36),
          rowTable: Uint32Array.of(row, row),
          dX: new Float32Array(arenaRows * 36),
        },
        { ...params, firstEntry: 0, rowCount: 1, outputEntry: 1 },
        "dX",
      );
      expect(alone.subarray(36 * row, 36 * (row + 1))).toEqual(once.subarray(36 * row, 36 * (row + 1)));
    }
  });
});

describe("the gradients of a linear layer's weight and bias", () => {
  const queue = useTestQueue();

  async function check(options: Case): Promise<{ dW: Float32Array; db: Float32Array }> {
    const { rows, K, N, scale = 1, slabRows } = options;
    const { arenaRows, rowTable, gradients, stored, params } = arrange(options);
    const x = randomFloats(1, arenaRows * K, scale);
    const [weightBefore, biasBefore] = [randomFloats(6, N * K), randomFloats(7, N)];
    const before = { dW: storeWeight(weightBefore, N, K), db: padRows(biasBefore, N, pad4(N)) };
    const inputs = { X: padRows(x, K, pad4(K)), dY: stored, rowTable };
    const run = (outputs: typeof before, more: { flags: number; slabRows: number }): Promise<typeof before> =>
      runKernelOutputs(
        queue(),
        linearBackwardWeightVariant,
        { ...inputs, ...outputs },
        { ...params, ...more },
        ["dW", "db"],
      );
    const flags = params.flags & GradientFlag.compactGradient;
    let result: typeof before;
    if (slabRows === undefined) {
      result = await run(before, { flags: flags | GradientFlag.addToOutput, slabRows: rows });
    } else {
      const slabs = Math.ceil(rows / slabRows);
      // NaN: what is there must not count.
      const nothing = (values: Float32Array): Float32Array<ArrayBuffer> =>
        new Float32Array(slabs * values.length).fill(Number.NaN);
      const partial = await run({ dW: nothing(before.dW), db: nothing(before.db) }, { flags, slabRows });
      result = await runKernelOutputs(
        queue(),
        weightSumVariant,
        { partialW: partial.dW, partialB: partial.db, ...before },
        { weightVectors: before.dW.length / 4, biasVectors: before.db.length / 4, slabs },
        ["dW", "db"],
      );
    }
    const ownX = new Float32Array(rows * K);
    for (const [entry, row] of rowTable.subarray(3, 3 + rows).entries())
      ownX.set(x.subarray(row * K, (row + 1) * K), entry * K);
    const { dWeight, dBias } = linearBackwardWeight({ x: ownX, dY: gradients, N, K });
    const at = (n: number, k: number): number => 4 * (Math.floor(k / 4) * pad4(N) + n) + (k % 4);
    const expected = new Float64Array(pad4(K) * pad4(N));
    for (let n = 0; n < N; n++)
      for (let k = 0; k < K; k++) expected[at(n, k)] = dWeight[n * K + k]! + weightBefore[n * K + k]!;
    // Padding is 0, exactly, on both sides.
    expectClose(result.dW, expected, float32Chain(rows, scale * scale * meanSquareOfRandomFloats));
    for (let k = 0; k < pad4(K); k++)
      for (let n = 0; n < pad4(N); n++)
        if (k >= K || n >= N) expect(result.dW[at(n, k)], "padding stays 0").toBe(0);
    const bias = dBias.map((value, n) => value + biasBefore[n]!);
    expectClose(
      result.db.subarray(0, N),
      bias,
      float32Chain(rows, scale * Math.sqrt(meanSquareOfRandomFloats)),
    );
    return result;
  }

  it.each(widths)("for %i inputs and %i outputs and every row count", async (K, N) => {
    for (const rows of rowCounts) await check({ rows, K, N });
  });

  it("sum over more rows than one partial sum holds", async () => {
    for (const rows of [63, 64, 65, 200]) await check({ rows, K: 10, N: 7 });
  });

  it("take gradients compactly, in the order of the table", async () => {
    for (const rows of rowCounts) await check({ rows, K: 13, N: 16, compactGradient: true });
  });

  it("take gradients from rows that a second table lists", async () => {
    for (const rows of rowCounts) await check({ rows, K: 13, N: 9, ownGradientRows: true });
  });

  it("take gradients from some columns of wider rows", async () => {
    for (const margins of [
      [0, 2],
      [3, 0],
      [1, 1],
    ] as const) {
      await check({ rows: 9, K: 12, N: 10, margins });
      await check({ rows: 9, K: 12, N: 10, margins, compactGradient: true });
    }
  });

  it("are exact to rounding for values of large and small scale", async () => {
    await check({ rows: 64, K: 24, N: 24, scale: 50 });
    await check({ rows: 64, K: 24, N: 24, scale: 1e-3 });
  });

  it("sum over slabs of rows", async () => {
    for (const rows of [65, 128, 200])
      for (const slabRows of [64, 128]) await check({ rows, K: 33, N: 70, slabRows });
    await check({ rows: 130, K: 9, N: 10, slabRows: 64, compactGradient: true, margins: [1, 1] });
    await check({ rows: 130, K: 9, N: 10, slabRows: 128, ownGradientRows: true });
  });

  it("have the same bits in slabs of 64 rows as in one", async () => {
    const options = { rows: 300, K: 33, N: 30 };
    expect(await check({ ...options, slabRows: 64 })).toEqual(await check(options));
  });

  it("have the same bits twice", async () => {
    const options = { rows: 137, K: 33, N: 30 };
    expect(await check(options)).toEqual(await check(options));
    const inSlabs = { ...options, slabRows: 64 };
    expect(await check(inSlabs)).toEqual(await check(inSlabs));
  });
});
