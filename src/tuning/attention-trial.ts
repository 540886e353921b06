// Samples of attention: of the model's own shapes, to measure; small ones with known results, to verify.
import {
  QUERY_BLOCK_ROWS,
  type AttentionBinding,
  type AttentionParam,
} from "../kernels/attention/attention.js";
import { SeededRandom } from "../util/seeded-random.js";
import { writeRowInfo, ROW_WORDS } from "../model/rows.js";
import { keyValueRowBytes, type ModelShape } from "../model/shape.js";
import type { KernelSample } from "./sample.js";
import { FLOAT32_TOLERANCE, type KernelTrial } from "./trial.js";

/** The sentences of a sample by their lengths, and whether all rows of each are computed or, as in decoding, the last. */
export interface AttentionSampleShape {
  readonly lengths: readonly number[];
  readonly rows: "all" | "last";
}

/** Rows, pages and blocks of the sentences. Pages lie in the opposite order of their sentences. */
function tablesOf({ lengths, rows }: AttentionSampleShape, pageTokens: number) {
  const pages = lengths.map((length) => Math.ceil(length / pageTokens));
  const pageCount = pages.reduce((sum, count) => sum + count, 0);
  const rowCount = lengths.reduce((sum, length) => sum + (rows === "all" ? length : 1), 0);
  const rowInfo = new Uint32Array(ROW_WORDS * rowCount);
  const blocks: number[] = [];
  let row = 0;
  let firstPage = 0;
  for (const [index, length] of lengths.entries()) {
    const first = rows === "all" ? 0 : length - 1;
    for (let own = 0; own < length - first; own += QUERY_BLOCK_ROWS)
      blocks.push(row + own, Math.min(QUERY_BLOCK_ROWS, length - first - own));
    for (let position = first; position < length; position++)
      writeRowInfo(rowInfo, row++, { token: 0, position, firstPage, keyCount: length });
    firstPage += pages[index]!;
  }
  return {
    rowInfo,
    pageTable: Uint32Array.from({ length: pageCount }, (_, page) => (pageCount - 1 - page) * pageTokens),
    blockTable: Uint32Array.from(blocks),
    rowCount,
    slots: pageCount * pageTokens,
  };
}

type Sample = KernelSample<AttentionBinding, AttentionParam>;

/** Zeros. */
export function attentionSample(sampled: AttentionSampleShape, shape: ModelShape): Sample {
  const { heads, headWidth, queryVectors, pageTokens } = shape;
  const { rowInfo, pageTable, blockTable, rowCount, slots } = tablesOf(sampled, pageTokens);
  const rowBytes = 16 * queryVectors;
  return {
    contents: {
      Q: rowBytes * rowCount,
      KV: keyValueRowBytes(shape) * slots,
      rowInfo,
      pageTable,
      blockTable,
      A: rowBytes * rowCount,
    },
    params: { firstEntry: 0, blockCount: blockTable.length / 2, heads, scale: 1 / Math.sqrt(headWidth) },
  };
}

/** Two heads of the model's width. */
export function attentionTrial(
  sampled: AttentionSampleShape,
  { headVectors, pageTokens }: ModelShape,
  isCausal: boolean,
): KernelTrial<AttentionBinding, AttentionParam> {
  const [heads, D] = [2, 4 * headVectors];
  const width = heads * D;
  const { rowInfo, pageTable, blockTable, rowCount, slots } = tablesOf(sampled, pageTokens);
  const random = new SeededRandom(2);
  const floats = (count: number): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: count }, () => 2 * random.uniform() - 1);
  const [Q, KV] = [floats(rowCount * width), floats(2 * slots * width)];
  const scale = 1 / Math.sqrt(D);
  const expected = new Float64Array(rowCount * width);
  for (let row = 0; row < rowCount; row++) {
    const words = rowInfo.subarray(ROW_WORDS * row, ROW_WORDS * (row + 1));
    const [, position, firstPage, keyCount] = words as unknown as [number, number, number, number];
    for (let head = 0; head < heads; head++) {
      const keyAt = (key: number): number => {
        const slot = pageTable[firstPage + Math.floor(key / pageTokens)]! + (key % pageTokens);
        return 2 * slot * width + head * D;
      };
      const own = row * width + head * D;
      const weights = Array.from({ length: isCausal ? position + 1 : keyCount }, (_, key) => {
        let score = 0;
        for (let d = 0; d < D; d++) score += Q[own + d]! * KV[keyAt(key) + d]!;
        return Math.exp(scale * score);
      });
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      for (const [key, weight] of weights.entries())
        for (let d = 0; d < D; d++) expected[own + d]! += (weight / total) * KV[keyAt(key) + width + d]!;
    }
  }
  return {
    contents: { Q, KV, rowInfo, pageTable, blockTable, A: 4 * rowCount * width },
    params: { firstEntry: 0, blockCount: blockTable.length / 2, heads, scale },
    output: "A",
    expected,
    tolerance: FLOAT32_TOLERANCE,
  };
}
