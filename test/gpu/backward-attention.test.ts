// Gradients of attention on real execution, against the float64 reference.
import { describe, expect, it } from "vitest";
import {
  attentionBackwardKeyValueVariant,
  attentionBackwardQueryVariant,
} from "../../src/kernels/attention/backward.js";
import type { AdapterKind } from "../../src/kernels/workgroup-needs.js";
import { QUERY_BLOCK_ROWS } from "../../src/kernels/attention/attention.js";
import { expectClose } from "../helpers/expect-close.js";
import { pad4, padRows, runKernel, runKernelOutputs, unpadRows, useTestQueue } from "../helpers/gpu-run.js";
import { randomFloats } from "../helpers/random.js";
import { float32AttentionGradient } from "../helpers/tolerances.js";
import { attentionForward } from "../reference/attention.js";
import { attentionBackward } from "../reference/attention-backward.js";

// 1, primes, powers of two and their neighbours: rows × heads fill no, one and several workgroups.
const lengths = [1, 2, 3, 4, 5, 7, 8, 9, 33, 70];
const headWidths = [5, 8, 16, 48, 64, 80];
const firstRows = lengths.map((_, index) => 1 + lengths.slice(0, index).reduce((sum, T) => sum + T, 0));
const rows = firstRows.at(-1)! + lengths.at(-1)!;

interface Batch {
  readonly D: number;
  readonly heads: number;
  readonly keyHeads?: number;
  readonly isCausal: boolean;
  readonly window?: number;
  readonly cap?: number;
  readonly scale?: number;
  /** Blocks of keys per dispatch; by default all. */
  readonly blocksAtOnce?: number;
  /** Rows per entry of the block table. */
  readonly blockRows?: number;
}

interface Gradients {
  readonly dQ: Float32Array<ArrayBuffer>;
  readonly dKV: Float32Array<ArrayBuffer>;
  readonly stats: Float32Array<ArrayBuffer>;
}

describe.each(["software", "gpu"] as const)(
  "the gradients of attention, by the kernels for %s adapters",
  (kind) => {
    const queue = useTestQueue();

    /** With the bits of the kernels for software adapters. */
    async function run(batch: Batch): Promise<Gradients> {
      const result = await runWith(batch, kind);
      if (kind !== "software") expect(result).toEqual(await runWith(batch, "software"));
      return result;
    }

    /** All of `lengths`, their rows in random order, behind a row that belongs to nobody. */
    async function runWith(
      {
        D,
        heads,
        keyHeads = heads,
        isCausal,
        window,
        cap,
        scale = 0.5,
        blocksAtOnce = rows,
        blockRows = QUERY_BLOCK_ROWS,
      }: Batch,
      own: AdapterKind,
    ): Promise<Gradients> {
      const [width, keyWidth] = [heads * D, keyHeads * D];
      const rule = { causal: isCausal, scale: 1 / Math.sqrt(D), window, cap };
      const sizes = { heads, keyValueHeads: keyHeads, D, ...rule };
      const q = randomFloats(1, rows * width, scale);
      const k = randomFloats(2, rows * keyWidth, scale);
      const v = randomFloats(3, rows * keyWidth);
      const dA = randomFloats(4, rows * width);
      const a = new Float32Array(rows * width);
      const rowInfo = new Uint32Array(4 * rows);
      const partOf = (all: Float32Array, sentence: number, columns: number = width): Float32Array => {
        const from = firstRows[sentence]! * columns;
        return all.subarray(from, from + lengths[sentence]! * columns);
      };
      const inputsOf = (sentence: number) => ({
        q: partOf(q, sentence),
        k: partOf(k, sentence, keyWidth),
        v: partOf(v, sentence, keyWidth),
      });
      for (const [sentence, T] of lengths.entries()) {
        for (let token = 0; token < T; token++)
          rowInfo.set([0, token, 999_999, T], 4 * (firstRows[sentence]! + token));
        partOf(a, sentence).set(attentionForward({ ...inputsOf(sentence), ...sizes }));
      }
      const [padded, keyPadded] = [heads * pad4(D), keyHeads * pad4(D)];
      const padHeads = (values: Float32Array): Float32Array<ArrayBuffer> => padRows(values, D, pad4(D));
      const [keys, values] = [padHeads(k), padHeads(v)];
      const KV = new Float32Array(2 * rows * keyPadded);
      for (let row = 0; row < rows; row++) {
        KV.set(keys.subarray(row * keyPadded, (row + 1) * keyPadded), 2 * row * keyPadded);
        KV.set(values.subarray(row * keyPadded, (row + 1) * keyPadded), (2 * row + 1) * keyPadded);
      }
      const common = { Q: padHeads(q), KV, dA: padHeads(dA), rowInfo };
      const options = {
        headVectors: pad4(D) / 4,
        group: heads / keyHeads,
        isCausal,
        isCapped: cap !== undefined,
      };
      let dQ: Float32Array<ArrayBuffer> = new Float32Array(rows * padded).fill(7);
      let stats: Float32Array<ArrayBuffer> = new Float32Array(2 * rows * heads).fill(7);
      let dKV: Float32Array<ArrayBuffer> = new Float32Array(2 * rows * keyPadded).fill(7);
      // Blocks of as many rows of a sentence, the later sentences first.
      const blocks: number[] = [0, 1];
      for (const sentence of [...lengths.keys()].toReversed())
        for (let token = 0; token < lengths[sentence]!; token += blockRows)
          blocks.push(firstRows[sentence]! + token, Math.min(blockRows, lengths[sentence]! - token));
      const blockTable = Uint32Array.from(blocks);
      const blockCount = blocks.length / 2 - 1;
      const params = { heads, scale: rule.scale, window: window ?? 0, cap: cap ?? 0, keyBlocks: 0 };
      ({ dQ, stats } = await runKernelOutputs(
        queue(),
        attentionBackwardQueryVariant(options, own),
        { ...common, A: padHeads(a), blockTable, dQ, stats },
        { firstEntry: 1, blockCount, ...params },
        ["dQ", "stats"],
      ));
      for (let block = 0; block < blockCount; block += blocksAtOnce)
        dKV = await runKernel(
          queue(),
          attentionBackwardKeyValueVariant(options, own),
          { ...common, stats, blockTable, dKV },
          { firstEntry: 1 + block, blockCount: Math.min(blocksAtOnce, blockCount - block), ...params },
          "dKV",
        );
      for (const [all, count] of [
        [dQ, padded],
        [stats, 2 * heads],
        [dKV, 2 * keyPadded],
      ] as const)
        expect(all.subarray(0, count), "the row of nobody").toEqual(new Float32Array(count).fill(7));

      const keysOrValues = (part: 0 | 1): Float32Array => {
        const half = new Float32Array(rows * keyPadded);
        for (let row = 0; row < rows; row++)
          half.set(
            dKV.subarray((2 * row + part) * keyPadded, (2 * row + part + 1) * keyPadded),
            row * keyPadded,
          );
        return unpadRows(half, D, pad4(D));
      };
      const actual = { dQ: unpadRows(dQ, D, pad4(D)), dK: keysOrValues(0), dV: keysOrValues(1) };
      for (const sentence of lengths.keys()) {
        const inputs = inputsOf(sentence);
        const dY = partOf(dA, sentence);
        const expected = attentionBackward({ ...inputs, dY, ...sizes });
        const tolerances = float32AttentionGradient({ ...inputs, dY, D });
        expectClose(partOf(actual.dQ, sentence), expected.dQ, tolerances.dQ);
        expectClose(partOf(actual.dK, sentence, keyWidth), expected.dK, tolerances.dK);
        expectClose(partOf(actual.dV, sentence, keyWidth), expected.dV, tolerances.dV);
      }
      return { dQ, dKV, stats };
    }

    it.each(headWidths)("are those of causal attention with heads of width %i", async (D) => {
      await run({ D, heads: 3, isCausal: true });
    });

    it.each([
      { heads: 6, keyHeads: 2, isCausal: true, window: 5 },
      { heads: 4, keyHeads: 1, isCausal: true, cap: 1 },
      { heads: 4, keyHeads: 2, isCausal: false, window: 9, cap: 0.7 },
      { heads: 2, isCausal: true, window: 40 },
    ])("are those of shared heads, windows and caps: %o", async (sharing) => {
      await run({ D: 16, ...sharing });
    });

    it.each(headWidths)("are those of attention in both directions with heads of width %i", async (D) => {
      await run({ D, heads: 2, isCausal: false });
    });

    it("stay finite for scores far from 0", async () => {
      await run({ D: 16, heads: 1, isCausal: true, scale: 8 });
      await run({ D: 16, heads: 1, isCausal: false, scale: 8 });
    });

    it("have the same bits twice, and however rows are cut into dispatches", async () => {
      const whole = await run({ D: 16, heads: 4, isCausal: true });
      for (const [blocksAtOnce, blockRows] of [
        [rows, 4],
        [1, 1],
        [13, 3],
        [7, 2],
      ] as const)
        expect(await run({ D: 16, heads: 4, isCausal: true, blocksAtOnce, blockRows })).toEqual(whole);
    });
  },
);
