// Embedding and log-probability kernels on real execution, against the float64 reference.
import { describe, expect, it } from "vitest";
import { embeddingVariant, SAMPLED_TOKEN, TOKEN_TYPE } from "../../src/kernels/embedding/embedding.js";
import { logProbabilityPartialBytes, logProbabilityStages } from "../../src/kernels/loss/log-probability.js";
import type { AdapterKind } from "../../src/kernels/workgroup-needs.js";
import { expectClose } from "../helpers/expect-close.js";
import {
  pad4,
  padRows,
  runKernel,
  runStages,
  storeWeight,
  unpadRows,
  useTestQueue,
} from "../helpers/gpu-run.js";
import {
  packBfloats,
  packHalves,
  randomBfloats,
  randomFloats,
  randomHalves,
  SeededRandom,
} from "../helpers/random.js";
import { float32Elementwise, float32Reduction } from "../helpers/tolerances.js";
import { embeddingForward } from "../reference/embedding.js";
import { logProbabilityForward } from "../reference/log-softmax.js";

const queue = useTestQueue();

describe("embedding", () => {
  const elements = ["f32", "packed-f16", "bf16", "f16"] as const;

  it.each(elements)("adds rows stored as %s, whichever shard a token lies in", async (element) => {
    if (element === "f16" && !queue().adapter.hasShaderF16) {
      console.info("1 of 4 ways to read an embedding left out: no shader-f16");
      return;
    }
    const [C, V, positions, rows, types, firstPosition] = [10, 21, 9, 13, 3, 2];
    const store = (
      values: Float32Array<ArrayBuffer>,
    ): Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> =>
      element === "f32" ? values : (element === "bf16" ? packBfloats : packHalves)(values);
    const tokenTable = (element === "bf16" ? randomBfloats : randomHalves)(1, V * C);
    const positionTable = randomHalves(2, (firstPosition + positions) * C);
    const typeTable = randomHalves(3, types * C);
    const random = new SeededRandom(3);
    const ids = Array.from({ length: rows }, () => random.integer(V));
    // Every third token is given by reference, as one that was just sampled; the others have types.
    const typeOf = (row: number): number => (row % 3 === 0 ? 0 : row % types);
    const rowInfo = Uint32Array.from(
      ids.flatMap((id, row) => [
        row % 3 === 0 ? SAMPLED_TOKEN + row : id + TOKEN_TYPE * typeOf(row),
        row % positions,
        0,
        rows,
      ]),
    );
    let X: Float32Array<ArrayBuffer> = new Float32Array(rows * pad4(C)).fill(9);
    for (const [firstToken, tokenCount] of [
      [0, 8],
      [8, 8],
      [16, 5],
    ] as const) {
      const shard = tokenTable.slice(firstToken * C, (firstToken + tokenCount) * C);
      X = await runKernel(
        queue(),
        embeddingVariant(element, { positions: true, tokenTypes: true }),
        {
          scales: new Uint32Array(1),
          W: store(storeWeight(shard, tokenCount, C)),
          positionEmbedding: padRows(positionTable, C, pad4(C)),
          typeEmbedding: padRows(typeTable, C, pad4(C)),
          rowInfo,
          rowTable: Uint32Array.from({ length: rows }, (_, row) => row),
          sampled: Uint32Array.from(ids),
          X,
        },
        {
          firstEntry: 0,
          rowCount: rows,
          channelVectors: pad4(C) / 4,
          firstToken,
          tokenCount,
          shardStride: pad4(tokenCount),
          scale: 1,
          firstPosition,
        },
        "X",
      );
    }
    for (const [row, id] of ids.entries()) {
      const expected = embeddingForward({
        ids: [id],
        tokenTable,
        positionTable,
        C,
        firstPosition: firstPosition + (row % positions),
      }).map((value, channel) => value + typeTable[typeOf(row) * C + channel]!);
      expectClose(X.subarray(row * pad4(C), row * pad4(C) + C), expected, float32Elementwise);
    }
  });
});

it("looks up rows times a factor, without positions", async () => {
  const [C, V] = [6, 4];
  const tokenTable = randomFloats(1, V * C);
  const ids = [3, 0, 3, 1];
  const X = await runKernel(
    queue(),
    embeddingVariant("f32", { positions: false }),
    {
      scales: new Uint32Array(1),
      W: storeWeight(tokenTable, V, C),
      positionEmbedding: new Float32Array(4).fill(Number.NaN),
      typeEmbedding: new Float32Array(4).fill(Number.NaN),
      rowInfo: Uint32Array.from(ids.flatMap((id, row) => [id, row, 0, ids.length])),
      rowTable: Uint32Array.from({ length: ids.length }, (_, row) => row),
      sampled: new Uint32Array(1),
      X: new Float32Array(ids.length * pad4(C)).fill(9),
    },
    {
      firstEntry: 0,
      rowCount: ids.length,
      channelVectors: pad4(C) / 4,
      firstToken: 0,
      tokenCount: V,
      shardStride: pad4(V),
      scale: 6.5,
      firstPosition: 0,
    },
    "X",
  );
  const expected = ids.flatMap((id) =>
    Array.from(tokenTable.subarray(id * C, (id + 1) * C), (value) => 6.5 * value),
  );
  expectClose(unpadRows(X, C, pad4(C)), expected, float32Elementwise);
});

describe("log-probability", () => {
  it("is that of more rows than a grid is wide", async () => {
    const [V, rows] = [2, 70_000];
    const logits = new Float32Array(4 * rows);
    for (let row = 0; row < rows; row++) logits.set([row % 7, 1, 0, 0], 4 * row);
    const { logProbability } = await runStages(
      queue(),
      logProbabilityStages.gpu,
      {
        logits,
        targets: new Uint32Array(rows),
        partials: new Float32Array((rows * logProbabilityPartialBytes(V)) / 4),
        logProbability: new Float32Array(rows),
      },
      { rowCount: rows, vocabulary: V, rowStride: 4, firstTarget: 0 },
      ["logProbability"],
    );
    for (const row of [0, 65_534, 65_536, 69_999])
      expect(logProbability[row]).toBeCloseTo(-Math.log(1 + Math.exp(1 - (row % 7))), 5);
  });

  it.each([1, 3, 63, 64, 65, 1000, 1024, 5003])("gives the token's log-probability among %i", async (V) => {
    for (const [rows, scale] of [
      [1, 1],
      [65, 1],
      [7, 30],
    ] as const) {
      const logits = randomFloats(V, rows * V, scale);
      const random = new SeededRandom(V);
      const targets = Array.from({ length: rows }, () => random.integer(V));
      const run = async (kind: AdapterKind): Promise<Float32Array> => {
        const { logProbability } = await runStages(
          queue(),
          logProbabilityStages[kind],
          {
            logits: padRows(logits, V, pad4(V)),
            targets: Uint32Array.from([999, ...targets]),
            partials: new Float32Array((rows * logProbabilityPartialBytes(V)) / 4),
            logProbability: new Float32Array(rows),
          },
          { rowCount: rows, vocabulary: V, rowStride: pad4(V), firstTarget: 1 },
          ["logProbability"],
        );
        return logProbability;
      };
      const result = await run("software");
      expect(await run("gpu"), "many workgroups per row").toEqual(result);
      expectClose(result, logProbabilityForward({ logits, targets, V }), float32Reduction(scale * scale));
    }
  });
});
