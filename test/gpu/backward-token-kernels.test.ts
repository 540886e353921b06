// Gradients of the embedding, cross-entropy with its gradient, and activations, on real execution, against float64.
import { describe, expect, it } from "vitest";
import { activateVariant } from "../../src/kernels/activation/activate.js";
import { crossEntropyVariant } from "../../src/kernels/loss/cross-entropy.js";
import { BUCKET_WORDS, embeddingBackwardVariant } from "../../src/kernels/embedding/backward.js";
import { Activation } from "../../src/kernels/linear/linear.js";
import type { AdapterKind } from "../../src/kernels/workgroup-needs.js";
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
import { meanSquareOfRandomFloats, randomFloats, SeededRandom } from "../helpers/random.js";
import { float32Chain, float32Elementwise, float32Reduction, float32Softmax } from "../helpers/tolerances.js";
import { activations, type Activation as ActivationName } from "../reference/activation.js";
import { adjustLogits } from "../reference/adjust-logits.js";
import { crossEntropyBackward } from "../reference/cross-entropy-backward.js";
import { embeddingBackward } from "../reference/embedding-backward.js";

const queue = useTestQueue();

/** Buckets of the rows that have the same id, in the order of the rows, and their rows behind them. */
function bucketTables(ids: ReadonlyMap<number, number>): Uint32Array<ArrayBuffer> {
  const rowsOf = new Map<number, number[]>();
  for (const [row, id] of ids) rowsOf.set(id, [...(rowsOf.get(id) ?? []), row]);
  const buckets: number[] = [];
  const rows: number[] = [];
  for (const [id, own] of rowsOf) {
    buckets.push(id, 1 + BUCKET_WORDS * rowsOf.size + rows.length, own.length);
    rows.push(...own);
  }
  // A word in front that is no bucket's.
  return Uint32Array.from([999_999, ...buckets, ...rows]);
}

const [V, positions] = [21, 9];

/** Rows of an arena twice as tall, some ids often, some never. */
function batch(rows: number, C: number): { ids: number[]; own: Uint32Array; dX: Float32Array<ArrayBuffer> } {
  const random = new SeededRandom(rows);
  const ids = Array.from({ length: rows }, () => random.integer(random.integer(V) + 1));
  return { ids, own: shuffledRows(2 * rows).slice(0, rows), dX: randomFloats(2, 2 * rows * C) };
}

async function scatter(
  tables: Uint32Array<ArrayBuffer>,
  dX: Float32Array,
  C: number,
  dE: Float32Array<ArrayBuffer>,
  strides: { idStride: number; vectorStride: number },
  scale: number = 1,
): Promise<Float32Array<ArrayBuffer>> {
  const bucketCount = tables.length > 1 ? (tables[2]! - 1) / BUCKET_WORDS : 0;
  return runKernel(
    queue(),
    embeddingBackwardVariant,
    { dX: padRows(dX, C, pad4(C)), tables, dE },
    { firstBucket: 1, bucketCount, channelVectors: pad4(C) / 4, scale, ...strides },
    "dE",
  );
}

/** Terms of a row that is looked up by all. */
function tolerance(rows: number): ReturnType<typeof float32Chain> {
  return float32Chain(rows, Math.sqrt(meanSquareOfRandomFloats));
}

describe("the gradients of the embedding", () => {
  it.each([1, 5, 10, 16, 67])(
    "go to the rows of tokens, whichever shard they lie in, %i channels",
    async (C) => {
      for (const rows of [1, 13, 64, 200]) {
        const { ids, own, dX } = batch(rows, C);
        const ownX = Float32Array.from([...own].flatMap((row) => [...dX.subarray(row * C, (row + 1) * C)]));
        const { dTokenTable } = embeddingBackward({ ids, dX: ownX, C, V, positions: rows });
        for (const [firstToken, tokenCount] of [
          [0, 8],
          [8, 8],
          [16, 5],
        ] as const) {
          // Stored (C/4, V, 4) with rows of the shard's padded width; ids count from the shard's first.
          const stride = pad4(tokenCount);
          const inShard = ids.flatMap((id, entry) =>
            id >= firstToken && id < firstToken + tokenCount ? [[own[entry]!, id - firstToken] as const] : [],
          );
          if (inShard.length === 0) continue;
          const stored = storeWeight(randomFloats(3, C * tokenCount), tokenCount, C);
          const at = (c: number, token: number): number => 4 * (Math.floor(c / 4) * stride + token) + (c % 4);
          const tables = bucketTables(new Map(inShard));
          const dE = await scatter(tables, dX, C, stored, { idStride: 1, vectorStride: stride });
          const expected = Float64Array.from(stored);
          for (let token = 0; token < tokenCount; token++)
            for (let c = 0; c < C; c++) expected[at(c, token)]! += dTokenTable[(firstToken + token) * C + c]!;
          expectClose(dE, expected, tolerance(rows));
          for (let c = C; c < pad4(C); c++)
            for (let token = 0; token < stride; token++) expect(dE[at(c, token)], "padding stays 0").toBe(0);
          const looked = new Set(inShard.map(([, id]) => id));
          for (let token = 0; token < stride; token++)
            if (!looked.has(token))
              for (let c = 0; c < C; c++) expect(dE[at(c, token)]).toBe(stored[at(c, token)]);
        }
      }
    },
  );

  it.each([1, 5, 10, 16])("go to the rows of positions, %i channels", async (C) => {
    for (const rows of [1, 13, 64]) {
      const { own, dX } = batch(rows, C);
      const places = Array.from({ length: rows }, (_, entry) => entry % positions);
      const ownX = Float32Array.from([...own].flatMap((row) => [...dX.subarray(row * C, (row + 1) * C)]));
      // The reference counts positions up; by ids it scatters to any row.
      const { dTokenTable: expected } = embeddingBackward({
        ids: places,
        dX: ownX,
        C,
        V: positions,
        positions: rows,
      });
      const before = randomFloats(4, positions * C);
      const tables = bucketTables(new Map(places.map((place, entry) => [own[entry]!, place])));
      const strides = { idStride: pad4(C) / 4, vectorStride: 1 };
      const dE = await scatter(tables, dX, C, padRows(before, C, pad4(C)), strides);
      const sum = expected.map((value, index) => value + before[index]!);
      expectClose(unpadRows(dE, C, pad4(C)), sum, tolerance(rows));
      expect(padRows(unpadRows(dE, C, pad4(C)), C, pad4(C)), "padding stays 0").toEqual(dE);
    }
  });

  it("are multiplied by what the rows were", async () => {
    const C = 6;
    const { ids, own, dX } = batch(13, C);
    const tables = bucketTables(new Map(ids.map((id, entry) => [own[entry]!, id])));
    const strides = { idStride: 1, vectorStride: pad4(V) };
    const zeros = (): Float32Array<ArrayBuffer> => new Float32Array(pad4(C) * pad4(V));
    const plain = await scatter(tables, dX, C, zeros(), strides);
    expect(await scatter(tables, dX, C, zeros(), strides, 4)).toEqual(plain.map((value) => 4 * value));
  });

  it("have the same bits twice, and in whatever order the buckets are", async () => {
    const C = 10;
    const { ids, own, dX } = batch(200, C);
    const entries = ids.map((id, entry) => [own[entry]!, id] as const);
    const run = (order: readonly (readonly [number, number])[]): Promise<Float32Array> =>
      scatter(bucketTables(new Map(order)), dX, C, new Float32Array(pad4(C) * pad4(V)), {
        idStride: 1,
        vectorStride: pad4(V),
      });
    const once = await run(entries);
    expect(await run(entries)).toEqual(once);
    expect(await run(entries.toSorted(([, a], [, b]) => b - a))).toEqual(once);
  });
});

async function checkLoss(
  rows: number,
  vocabulary: number,
  spread: number,
  shape: { readonly logitScale: number; readonly cap: number } = { logitScale: 1, cap: 0 },
): Promise<Record<string, Float32Array>> {
  const { logitScale, cap } = shape;
  const raw = randomFloats(vocabulary, rows * vocabulary, spread);
  const logits = Float32Array.from(adjustLogits(raw, logitScale, cap > 0 ? cap : undefined));
  const random = new SeededRandom(vocabulary);
  const targets = Array.from({ length: rows }, () => random.integer(vocabulary));
  const scale = 1 / (3 * rows);
  const stride = pad4(vocabulary) + 4;
  const stored = padRows(logits, vocabulary, stride);
  // What was left in the padding must not count, nor stay.
  for (let row = 0; row < rows; row++) stored.fill(1e4, row * stride + vocabulary, (row + 1) * stride);
  const run = (kind: AdapterKind): Promise<Record<"logits" | "loss", Float32Array<ArrayBuffer>>> =>
    runKernelOutputs(
      queue(),
      crossEntropyVariant(kind),
      {
        targets: Uint32Array.from([999, 999, ...targets]),
        logits: stored,
        loss: new Float32Array(rows + 3).fill(7),
      },
      { rowCount: rows, vocabulary, rowStride: stride, firstTarget: 2, firstLoss: 1, scale, ...shape },
      ["logits", "loss"],
    );
  const result = await run("software");
  expect(await run("gpu"), "a workgroup per row").toEqual(result);
  const { losses, dLogits } = crossEntropyBackward({ logits, targets, V: vocabulary, scale });
  const range = 2 * logits.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  expectClose(result.loss.subarray(1, rows + 1), losses, float32Reduction(Math.max(1, spread * spread)));
  const expected = dLogits.map(
    (value, index) => value * logitScale * (cap > 0 ? 1 - (logits[index]! / cap) ** 2 : 1),
  );
  expectClose(
    unpadRows(result.logits, vocabulary, stride),
    expected,
    float32Softmax(range, scale * logitScale),
  );
  expect(
    padRows(unpadRows(result.logits, vocabulary, stride), vocabulary, stride),
    "padding becomes 0",
  ).toEqual(result.logits);
  expect([result.loss[0], result.loss[rows + 1], result.loss[rows + 2]]).toEqual([7, 7, 7]);
  return result;
}

describe("cross-entropy and its gradient", () => {
  it.each([1, 2, 3, 63, 64, 65, 1000])("are those of a vocabulary of %i", async (vocabulary) => {
    for (const rows of [1, 7, 8, 9, 65]) await checkLoss(rows, vocabulary, 1);
  });

  it("go through the scale and the cap of logits", async () => {
    for (const vocabulary of [1, 63, 300]) {
      await checkLoss(9, vocabulary, 3, { logitScale: 0.25, cap: 0 });
      await checkLoss(9, vocabulary, 3, { logitScale: 2, cap: 5 });
    }
  });

  it("stay finite for logits far from 0", async () => {
    for (const vocabulary of [3, 65, 300]) await checkLoss(9, vocabulary, 30);
  });

  it("have the same bits twice", async () => {
    expect(await checkLoss(9, 300, 3)).toEqual(await checkLoss(9, 300, 3));
  });
});

describe("the activation by itself", () => {
  const names: Readonly<Record<Activation, ActivationName | undefined>> = {
    [Activation.none]: undefined,
    [Activation.geluTanh]: "gelu-tanh",
    [Activation.geluErf]: "gelu-erf",
    [Activation.relu]: "relu",
    [Activation.silu]: "silu",
  };

  it.each(Object.entries(Activation))("is %s for the rows listed, also at ±50", async (_, kind) => {
    const activate = names[kind] ? activations[names[kind]] : (x: number): number => x;
    for (const [rows, F] of [
      [1, 1],
      [7, 18],
      [33, 16],
      [5, 161],
    ] as const) {
      const own = shuffledRows(2 * rows).slice(0, rows);
      const x = randomFloats(1, 2 * rows * F, 3);
      x.set([-50, 50].slice(0, F), own[0]! * F);
      const y = await runKernel(
        queue(),
        activateVariant(kind),
        {
          X: padRows(x, F, pad4(F)),
          rowTable: Uint32Array.from([77, ...own]),
          Y: padRows(new Float32Array(x.length).fill(7), F, pad4(F)),
        },
        { firstEntry: 1, rowCount: rows, vectors: pad4(F) / 4 },
        "Y",
      );
      const listed = new Set(own);
      const expected = Float64Array.from(x, (value, index) =>
        listed.has(Math.floor(index / F)) ? activate(value) : 7,
      );
      expectClose(unpadRows(y, F, pad4(F)), expected, float32Elementwise);
      expect(padRows(unpadRows(y, F, pad4(F)), F, pad4(F)), "padding stays 0").toEqual(y);
    }
  });
});
