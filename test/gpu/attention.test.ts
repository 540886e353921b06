// Attention kernels on real execution, against the float64 reference.
import { describe, expect, it } from "vitest";
import { QUERY_BLOCK_ROWS, type AttentionKernel } from "../../src/kernels/attention/attention.js";
import { keyBlocksOf, partialBytes } from "../../src/kernels/attention/split.js";
import { attentionKernels } from "../../src/kernels/registry.js";
import { expectClose } from "../helpers/expect-close.js";
import { pad4, padRows, runKernel, unpadRows, useTestQueue } from "../helpers/gpu-run.js";
import { randomFloats } from "../helpers/random.js";
import { float32Attention } from "../helpers/tolerances.js";
import { float32ToFloat16, toFloat32, type CacheFormat } from "../../src/tensor/formats.js";
import { attentionForward } from "../reference/attention.js";
import { roundToHalf } from "../reference/half.js";

// 1, primes, one less than, equal to and one more than a query block, a block of keys and a tile of keys.
const manyLengths = [1, 2, 3, 4, 5, 31, 33, 130];
/** For wide heads, which take longer. */
const fewLengths = [1, 4, 7, 33, 65];
const causalWidths = [5, 16, 64, 80, 256];
const otherWidths = [8, 48, 128];

interface Batch {
  readonly D: number;
  readonly heads: number;
  readonly keyHeads?: number;
  readonly isCausal: boolean;
  readonly window?: number;
  readonly cap?: number;
  /** Of queries and keys. */
  readonly size?: number;
  /** Rows per entry of the block table. */
  readonly blockRows?: number;
  readonly pageTokens?: number;
  /** How keys and values are stored. */
  readonly keyValues?: CacheFormat;
}

describe.each(attentionKernels)("attention, $name", (kernel) => {
  const queue = useTestQueue();

  /** All lengths in one dispatch, behind an unused row. */
  async function run({
    D,
    heads,
    keyHeads = heads,
    isCausal,
    window,
    cap,
    size = 1,
    blockRows = QUERY_BLOCK_ROWS,
    pageTokens = 16,
    keyValues = "f32",
  }: Batch): Promise<Float32Array> {
    const lengths = D * heads > 64 ? fewLengths : manyLengths;
    const [width, keyWidth] = [heads * D, keyHeads * D];
    const scale = 1.1 / Math.sqrt(D);
    const firstRows = lengths.map((_, index) => 1 + lengths.slice(0, index).reduce((sum, T) => sum + T, 0));
    const rows = firstRows.at(-1)! + lengths.at(-1)!;
    const q = randomFloats(1, rows * width, size);
    const store = (values: Float32Array): Float32Array =>
      keyValues === "f16" ? values.map(roundToHalf) : values;
    const k = store(randomFloats(2, rows * keyWidth, size));
    const v = store(randomFloats(3, rows * keyWidth));
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
    const [padded, keyPadded] = [heads * pad4(D), keyHeads * pad4(D)];
    const padHeads = (values: Float32Array): Float32Array<ArrayBuffer> => padRows(values, D, pad4(D));
    const [keys, values] = [padHeads(k), padHeads(v)];
    const keyValue = new Float32Array(2 * pageCount * pageTokens * keyPadded);
    for (const [index, T] of lengths.entries())
      for (let token = 0; token < T; token++) {
        const row = firstRows[index]! + token;
        const slot = slots[firstPages[index]! + Math.floor(token / pageTokens)]! + (token % pageTokens);
        keyValue.set(keys.subarray(row * keyPadded, (row + 1) * keyPadded), 2 * slot * keyPadded);
        keyValue.set(values.subarray(row * keyPadded, (row + 1) * keyPadded), (2 * slot + 1) * keyPadded);
      }
    const [blockCount, headVectors] = [blocks.length / 2, pad4(D) / 4];
    const keyBlocks = keyBlocksOf(Math.max(...lengths), window);
    const contents: Record<string, Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>> = {
      Q: padHeads(q),
      KV: keyValues === "f16" ? new Uint32Array(float32ToFloat16(keyValue).buffer) : keyValue,
      rowInfo,
      pageTable: Uint32Array.from(slots),
      blockTable: Uint32Array.from(blocks),
      A: new Float32Array(rows * padded).fill(7),
      // NaN: what no workgroup wrote must not count.
      partials: new Float32Array(partialBytes({ blockCount, heads, headVectors, keyBlocks }) / 4).fill(
        Number.NaN,
      ),
    };
    const params = {
      firstEntry: 0,
      blockCount,
      heads,
      scale,
      window: window ?? 0,
      cap: cap ?? 0,
      keyBlocks,
    };
    const runWith = async (own: AttentionKernel): Promise<Float32Array<ArrayBuffer>> => {
      const options = {
        headVectors,
        group: heads / keyHeads,
        isCausal,
        isCapped: cap !== undefined,
        pageTokens,
        keyValues,
      };
      const results = { ...contents };
      for (const stage of own.stages(options)) {
        const output = Object.entries(stage.definition.bindings).find(
          ([, access]) => access === "readWrite",
        )![0];
        const bound = Object.keys(stage.definition.bindings).map((name) => [name, results[name]!] as const);
        results[output] = await runKernel(queue(), stage, Object.fromEntries(bound), params, output);
      }
      return results["A"] as Float32Array<ArrayBuffer>;
    };
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
      const part = (all: Float32Array, columns: number = width): Float32Array =>
        all.subarray(firstRows[index]! * columns, (firstRows[index]! + T) * columns);
      const own = { q: part(q), k: part(k, keyWidth), v: part(v, keyWidth) };
      const rule = { causal: isCausal, scale, window, cap };
      const expected = attentionForward({ ...own, heads, keyValueHeads: keyHeads, D, ...rule });
      expectClose(part(attention), expected, float32Attention(D, 1.1 * largestScore(own.q, own.k, D)));
    }
    return result;
  }

  it.each(causalWidths)("attends causally with heads of width %i", async (D) => {
    await run({ D, heads: D > 100 ? 1 : 3, isCausal: true });
  });

  it.each(otherWidths)("attends in both directions with heads of width %i", async (D) => {
    await run({ D, heads: D > 100 ? 1 : 2, isCausal: false });
  });

  it.each([5, 64, 80, 256])("reads keys and values in f16, of width %i", async (D) => {
    const heads = D > 100 ? 1 : 2;
    await run({ D, heads, isCausal: true, keyValues: "f16" });
    await run({ D, heads: 4 * heads, keyHeads: heads, isCausal: true, window: 40, cap: 5, keyValues: "f16" });
  });

  it("gives the same bits however blocks and pages are cut, also in f16", async () => {
    const batch = { D: 16, heads: 4, keyHeads: 2, isCausal: true, window: 40, keyValues: "f16" } as const;
    const whole = await run(batch);
    expect(await run({ ...batch, blockRows: 1 })).toEqual(whole);
    expect(await run({ ...batch, pageTokens: 12 })).toEqual(whole);
  });

  it("reads every half exactly, but may read those below 2^-14 as 0", async () => {
    // A sentence of one token: its attention is its value.
    const [D, sentences] = [256, 256];
    const halves = Uint16Array.from({ length: 65536 }, (_, own) => ((own >> 10) % 32 === 31 ? 0 : own));
    const cache = new Uint16Array(2 * 65536 * 4);
    const rows = Uint32Array.from({ length: sentences }, (_, row) => row);
    for (const row of rows) cache.set(halves.subarray(row * D, (row + 1) * D), (2 * 4 * row + 1) * D);
    const options = { headVectors: 64, group: 1, isCausal: true, isCapped: false, pageTokens: 4 };
    const contents: Record<string, Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>> = {
      Q: new Float32Array(sentences * D).fill(1),
      KV: new Uint32Array(cache.buffer),
      rowInfo: Uint32Array.from([...rows].flatMap((row) => [0, 0, row, 1])),
      pageTable: rows.map((row) => 4 * row),
      blockTable: Uint32Array.from([...rows].flatMap((row) => [row, 1])),
      A: new Float32Array(sentences * D),
      partials: new Float32Array(
        partialBytes({ blockCount: sentences, heads: 1, headVectors: 64, keyBlocks: 1 }) / 4,
      ),
    };
    const params = {
      firstEntry: 0,
      blockCount: sentences,
      heads: 1,
      scale: 1,
      window: 0,
      cap: 0,
      keyBlocks: 1,
    };
    for (const stage of kernel.stages({ ...options, keyValues: "f16" })) {
      const names = Object.keys(stage.definition.bindings);
      const output = names.find((name) => stage.definition.bindings[name] === "readWrite")!;
      const bound = Object.fromEntries(names.map((name) => [name, contents[name]!]));
      contents[output] = await runKernel(queue(), stage, bound, params, output);
    }
    const expected = toFloat32(new Uint8Array(halves.buffer), "F16");
    const wrong = [...expected.keys()].filter((own) => {
      const [read, value] = [contents["A"]![own]!, expected[own]!];
      return read !== value && !(read === 0 && Math.abs(value) < 2 ** -14);
    });
    expect(wrong).toEqual([]);
  });

  it("keeps the softmax finite for scores far from 0", async () => {
    await run({ D: 16, heads: 1, isCausal: true, size: 8 });
  });

  it.each([
    { heads: 6, keyHeads: 2, D: 16 },
    { heads: 14, keyHeads: 2, D: 64 },
    { heads: 10, keyHeads: 1, D: 24 },
  ])("shares $keyHeads heads of keys among $heads of width $D", async (shape) => {
    await run({ ...shape, isCausal: true });
    await run({ ...shape, isCausal: false });
  });

  it.each([1, 5, 64, 65, 100])("sees windows of %i keys", async (window) => {
    await run({ D: 16, heads: 2, isCausal: true, window });
    if (window % 2 === 1) await run({ D: 16, heads: 2, isCausal: false, window });
    await run({ D: 16, heads: 4, keyHeads: 2, isCausal: true, window, blockRows: 1 });
  });

  it("caps scores", async () => {
    await run({ D: 16, heads: 2, isCausal: true, cap: 2, size: 2 });
    await run({ D: 16, heads: 4, keyHeads: 1, isCausal: false, cap: 50, window: 9, size: 30 });
  });

  it("gives the same bits however rows are cut into blocks", async () => {
    const whole = await run({ D: 16, heads: 4, isCausal: true });
    const windowed = await run({ D: 16, heads: 4, isCausal: true, window: 40 });
    for (const blockRows of [1, 2, 3]) {
      expect(await run({ D: 16, heads: 4, isCausal: true, blockRows })).toEqual(whole);
      expect(await run({ D: 16, heads: 4, isCausal: true, blockRows, window: 40 })).toEqual(windowed);
    }
  });

  it("gives the same bits whatever the size of a page is", async () => {
    const whole = await run({ D: 16, heads: 4, isCausal: true });
    for (const pageTokens of [12, 64])
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
