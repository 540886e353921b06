// Rotary positions and their gradients on real execution, against the float64 reference.
import { describe, expect, it } from "vitest";
import { angleTable } from "../../src/layers/rotary.js";
import { rotaryBackwardVariant } from "../../src/kernels/rotary/backward.js";
import { normLanes, normVariant } from "../../src/kernels/norm/norm.js";
import { normedRotaryVariant } from "../../src/kernels/rotary/normed.js";
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

  it.each(["beside the values", "by themselves"])("are turned, with queries and keys %s", async (where) => {
    const all = randomFloats(2, rows * (H + 2 * KV) * D);
    const [ownQueries, ownKeys] = [randomFloats(1, rows * H * D), randomFloats(3, rows * KV * D)];
    const isJoined = where === "beside the values";
    /** Heads of the joined rows. */
    const cut = (first: number, heads: number): Float32Array =>
      Float32Array.from({ length: rows * heads * D }, (_, index) => {
        const [row, at] = [Math.floor(index / (heads * D)), index % (heads * D)];
        return all[(row * (H + 2 * KV) + first) * D + at]!;
      });
    const stored = padded(new Float32Array(rows * 2 * KV * D));
    const vectors = pad4(D) / 4;
    const dispatch = (
      keyValues: CacheFormat,
      turnedVectors = common.turnedVectors,
    ): Promise<Record<"Q2" | "KV", Float32Array<ArrayBuffer>>> =>
      runKernelOutputs(
        queue(),
        rotaryVariant(keyValues),
        {
          Q: padded(isJoined ? all : ownQueries),
          K: padded(isJoined ? all : ownKeys),
          V: padded(all),
          angles,
          rowInfo,
          rowTable,
          Q2: padded(new Float32Array(ownQueries.length)),
          KV: keyValues === "f32" ? stored : new Float32Array(stored.length / 2),
        },
        {
          ...common,
          turnedVectors,
          slotEntry: 1 + rows,
          queryVectors: H * vectors,
          keyVectors: KV * vectors,
          queryStride: (isJoined ? H + 2 * KV : H) * vectors,
          keyStride: (isJoined ? H + 2 * KV : KV) * vectors,
          keyOffset: isJoined ? H * vectors : 0,
        },
        ["Q2", "KV"],
      );
    const queries = isJoined ? cut(0, H) : ownQueries;
    const keys = isJoined ? cut(H, KV) : ownKeys;
    const values = cut(H + KV, KV);
    const { Q2, KV: whole } = await dispatch("f32");
    expectClose(plain(Q2), rotaryForward({ x: queries, heads: H, D, positions, ...rotation }), twoSteps);
    const turnedKeys = rotaryForward({ x: keys, heads: KV, D, positions, ...rotation });
    const keysAndValues = (stores: Float32Array, row: number): [Float32Array, Float32Array] => {
      const slot = (rows - 1 - row) * 2 * KV * D;
      return [stores.subarray(slot, slot + KV * D), stores.subarray(slot + KV * D, slot + 2 * KV * D)];
    };
    const ofRow = <V extends Float32Array | Float64Array>(heads: V, row: number): V =>
      heads.subarray(row * KV * D, (row + 1) * KV * D) as V;
    for (let row = 0; row < rows; row++) {
      const [own, ownValues] = keysAndValues(plain(whole), row);
      expectClose(own, ofRow(turnedKeys, row), twoSteps);
      expect(ownValues).toEqual(ofRow(values, row));
    }
    // In f16 the same numbers are stored, rounded once.
    const halves = await dispatch("f16");
    expect(halves.Q2).toEqual(Q2);
    expect(toFloat32(new Uint8Array(halves.KV.slice().buffer), "F16")).toEqual(whole.map(roundToHalf));
    // Without a rotation they are taken apart as they are.
    const apart = await dispatch("f32", 0);
    expect(plain(apart.Q2)).toEqual(queries);
    for (let row = 0; row < rows; row++)
      expect(keysAndValues(plain(apart.KV), row)).toEqual([ofRow(keys, row), ofRow(values, row)]);
  });

  it.each(["heads", "rows"])(
    "are normalised over %s before, with the bits of three dispatches",
    async (over) => {
      const vectors = pad4(D) / 4;
      const [query, key, all] = [H * vectors, KV * vectors, (H + 2 * KV) * vectors];
      const X = padded(randomFloats(2, rows * (H + 2 * KV) * D));
      const isOfHeads = over === "heads";
      const [queryNorms, keyNorms] = isOfHeads ? [H, KV] : [1, 1];
      const [queryGain, keyGain] = [padded(randomFloats(3, H * D)), padded(randomFloats(4, KV * D))];
      // Norms of rows are over whole heads, so none may be padded.
      const [queryWidth, keyWidth] = isOfHeads ? [D, D] : [4 * query, 4 * key];
      const sizes = { rowCount: rows, headVectors: vectors, turnedVectors: common.turnedVectors };
      const normOf = (
        gain: Float32Array<ArrayBuffer>,
        normsPerRow: number,
        width: number,
        outputStride: number,
        inputOffset: number,
      ): Promise<Float32Array<ArrayBuffer>> =>
        runKernel(
          queue(),
          normVariant({ method: "rms", vectors: outputStride / normsPerRow }),
          {
            X,
            gain: gain.slice(0, pad4(width)),
            bias: new Float32Array(pad4(width)),
            rowTable,
            Y: new Float32Array(4 * rows * outputStride),
          },
          {
            firstEntry: 1,
            rowCount: rows,
            normsPerRow,
            width,
            vectors: outputStride / normsPerRow,
            inputStride: all,
            inputOffset,
            outputStride,
            epsilon: 1e-6,
            gainOffset: 1,
            addToOutput: 0,
          },
          "Y",
        );
      const own = isOfHeads ? vectors : query;
      // One kernel has as many lanes for queries as for keys.
      if (normLanes(own) !== normLanes(isOfHeads ? vectors : key)) return;
      const normedQueries = await normOf(queryGain, queryNorms, queryWidth, query, 0);
      const normedKeys = await normOf(keyGain, keyNorms, keyWidth, key, query);
      for (const keyValues of ["f32", "f16"] as const) {
        const outputs = {
          Q: new Float32Array(4 * rows * query),
          KV: new Float32Array((8 * rows * key) / (keyValues === "f32" ? 1 : 2)),
        };
        const apart = await runKernelOutputs(
          queue(),
          rotaryVariant(keyValues),
          {
            Q: normedQueries,
            K: normedKeys,
            V: X,
            angles,
            rowInfo,
            rowTable,
            Q2: outputs.Q,
            KV: outputs.KV,
          },
          {
            firstEntry: 1,
            ...sizes,
            slotEntry: 1 + rows,
            queryVectors: query,
            keyVectors: key,
            queryStride: query,
            keyStride: key,
            keyOffset: 0,
          },
          ["Q2", "KV"],
        );
        const positionsOfRows = [...turnedRows].map((row) => positions[row]!);
        const together = await runKernelOutputs(
          queue(),
          normedRotaryVariant(own, keyValues),
          {
            X,
            queryGain,
            keyGain,
            bias: new Float32Array(queryGain.length),
            angles,
            rowTable: Uint32Array.from([...rowTable, ...positionsOfRows]),
            ...outputs,
          },
          {
            firstEntry: 1,
            ...sizes,
            slotEntry: 1 + rows,
            positionEntry: 1 + 2 * rows,
            queryVectors: query,
            keyVectors: key,
            queryNorms,
            keyNorms,
            queryWidth,
            keyWidth,
            epsilon: 1e-6,
            gainOffset: 1,
          },
          ["Q", "KV"],
        );
        expect(bitsOf(together.Q)).toEqual(bitsOf(apart.Q2));
        expect(bitsOf(together.KV)).toEqual(bitsOf(apart.KV));
      }
    },
  );

  it("are turned back between others, which are zeroed, copied or left", async () => {
    const dY = randomFloats(4, rows * 4 * D);
    const dX = plain(
      await runKernel(
        queue(),
        rotaryBackwardVariant,
        { dY: padded(dY), angles, rowInfo, rowTable, dX: padded(new Float32Array(rows * 5 * D).fill(7)) },
        {
          ...common,
          vectors: (4 * pad4(D)) / 4,
          inputStride: pad4(D),
          inputOffset: pad4(D) / 4,
          outputStride: (5 * pad4(D)) / 4,
          outputOffset: pad4(D) / 4,
          zeroedVectors: pad4(D) / 4,
          turnedHeads: 2,
        },
        "dX",
      ),
    );
    const back = rotaryBackward({ x: dY, heads: 4, D, positions, ...rotation });
    for (let row = 0; row < rows; row++) {
      const head = (index: number): Float32Array =>
        dX.subarray((5 * row + index) * D, (5 * row + index + 1) * D);
      expect(head(0)).toEqual(new Float32Array(D).fill(7));
      expect(head(1)).toEqual(new Float32Array(D));
      for (const turnedHead of [1, 2])
        expectClose(
          head(1 + turnedHead),
          back.subarray((4 * row + turnedHead) * D, (4 * row + turnedHead + 1) * D),
          twoSteps,
        );
      expect(head(4)).toEqual(dY.subarray((4 * row + 3) * D, (4 * row + 4) * D));
    }
  });
});

const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.slice().buffer);
