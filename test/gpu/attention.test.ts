// Attention kernels on real execution, against the float64 reference.
import { describe, expect, it } from "vitest";
import { QUERY_BLOCK_ROWS, type AttentionKernel } from "../../src/kernels/attention/attention.js";
import { attentionKernels } from "../../src/kernels/registry.js";
import { expectClose } from "../helpers/expect-close.js";
import { pad4, padRows, runKernel, unpadRows, useTestQueue } from "../helpers/gpu-run.js";
import { randomFloats } from "../helpers/random.js";
import { float32Attention } from "../helpers/tolerances.js";
import { attentionForward } from "../reference/attention.js";

// 1, primes, one less than, equal to and one more than a query block, a block of keys and a tile of keys.
const lengths = [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 65];
const headWidths = [5, 8, 16, 48, 64, 80];

interface Batch {
  readonly D: number;
  readonly heads: number;
  readonly isCausal: boolean;
  readonly scale?: number;
  /** Rows per entry of the block table. */
  readonly blockRows?: number;
  readonly pageTokens?: number;
}

describe.each(attentionKernels)("attention, $name", (kernel) => {
  const queue = useTestQueue();

  /** All of `lengths` in one dispatch, behind an unused row. */
  async function run({
    D,
    heads,
    isCausal,
    scale = 1,
    blockRows = QUERY_BLOCK_ROWS,
    pageTokens = 16,
  }: Batch): Promise<Float32Array> {
    const width = heads * D;
    const firstRows = lengths.map((_, index) => 1 + lengths.slice(0, index).reduce((sum, T) => sum + T, 0));
    const rows = firstRows.at(-1)! + lengths.at(-1)!;
    const q = randomFloats(1, rows * width, scale);
    const k = randomFloats(2, rows * width, scale);
    const v = randomFloats(3, rows * width);
    const rowInfo = new Uint32Array(4 * rows);
    const blocks: number[] = [];
    // Pages in the order opposite to their sentences', so that no sentence lies where its rows do.
    const pageCount = lengths.reduce((sum, T) => sum + Math.ceil(T / pageTokens), 0);
    const slots = Array.from({ length: pageCount }, (_, page) => (pageCount - 1 - page) * pageTokens);
    const firstPages: number[] = [];
    let page = 0;
    for (const [index, T] of lengths.entries()) {
      const first = firstRows[index]!;
      firstPages.push(page);
      for (let token = 0; token < T; token++) rowInfo.set([0, token, page, T], 4 * (first + token));
      page += Math.ceil(T / pageTokens);
      for (let token = 0; token < T; token += blockRows)
        blocks.push(first + token, Math.min(blockRows, T - token));
    }
    const padded = heads * pad4(D);
    const padHeads = (values: Float32Array): Float32Array<ArrayBuffer> => padRows(values, D, pad4(D));
    const [keys, values] = [padHeads(k), padHeads(v)];
    const keyValue = new Float32Array(2 * pageCount * pageTokens * padded);
    for (const [index, T] of lengths.entries())
      for (let token = 0; token < T; token++) {
        const row = firstRows[index]! + token;
        const slot = slots[firstPages[index]! + Math.floor(token / pageTokens)]! + (token % pageTokens);
        keyValue.set(keys.subarray(row * padded, (row + 1) * padded), 2 * slot * padded);
        keyValue.set(values.subarray(row * padded, (row + 1) * padded), (2 * slot + 1) * padded);
      }
    const runWith = (own: AttentionKernel): Promise<Float32Array<ArrayBuffer>> =>
      runKernel(
        queue(),
        own.variant({ headVectors: pad4(D) / 4, isCausal, pageTokens }),
        {
          Q: padHeads(q),
          KV: keyValue,
          rowInfo,
          pageTable: Uint32Array.from(slots),
          blockTable: Uint32Array.from(blocks),
          A: new Float32Array(rows * padded).fill(7),
        },
        { firstEntry: 0, blockCount: blocks.length / 2, heads, scale: 1 / Math.sqrt(D) },
        "A",
      );
    const result = await runWith(kernel);
    if (kernel !== attentionKernels[0]) {
      const first = await runWith(attentionKernels[0]);
      expect(new Uint32Array(result.buffer), "bits of the first kernel").toEqual(
        new Uint32Array(first.buffer),
      );
    }
    const attention = unpadRows(result, D, pad4(D));
    expect(attention.subarray(0, width)).toEqual(new Float32Array(width).fill(7));
    for (const [index, T] of lengths.entries()) {
      const from = firstRows[index]! * width;
      const part = (all: Float32Array): Float32Array => all.subarray(from, from + T * width);
      const expected = attentionForward({ q: part(q), k: part(k), v: part(v), heads, D, causal: isCausal });
      expectClose(part(attention), expected, float32Attention(D, largestScore(part(q), part(k), D)));
    }
    return result;
  }

  it.each(headWidths)("attends causally with heads of width %i", async (D) => {
    await run({ D, heads: 3, isCausal: true });
  });

  it.each(headWidths)("attends in both directions with heads of width %i", async (D) => {
    await run({ D, heads: 2, isCausal: false });
  });

  it("keeps the softmax finite for scores far from 0", async () => {
    await run({ D: 16, heads: 1, isCausal: true, scale: 8 });
  });

  it("gives the same bits however rows are cut into blocks", async () => {
    const whole = await run({ D: 16, heads: 4, isCausal: true });
    for (const blockRows of [1, 2, 3])
      expect(await run({ D: 16, heads: 4, isCausal: true, blockRows })).toEqual(whole);
  });

  it("gives the same bits whatever the size of a page is", async () => {
    const whole = await run({ D: 16, heads: 4, isCausal: true });
    for (const pageTokens of [4, 12, 64])
      expect(await run({ D: 16, heads: 4, isCausal: true, pageTokens })).toEqual(whole);
  });
});

/** The largest |q·k|/√D of any query and key of one head. */
function largestScore(q: Float32Array, k: Float32Array, D: number): number {
  let largest = 0;
  for (let query = 0; query < q.length; query += D)
    for (let key = 0; key < k.length; key += D) {
      let score = 0;
      for (let d = 0; d < D; d++) score += q[query + d]! * k[key + d]!;
      largest = Math.max(largest, Math.abs(score));
    }
  return largest / Math.sqrt(D);
}
