// Samples of causal attention: of the model's own shapes, to measure; small ones with known results, to verify.
import {
  QUERY_BLOCK_ROWS,
  type AttentionBinding,
  type AttentionParam,
} from "../kernels/attention/attention.js";
import { SeededRandom } from "../util/seeded-random.js";
import type { ModelShape } from "../model/shape.js";
import type { KernelSample } from "./sample.js";
import { FLOAT32_TOLERANCE, type KernelTrial } from "./trial.js";

/** Sentences of a sample, by length: all rows of each, or its last one, as in decoding. */
export interface AttentionSampleShape {
  readonly lengths: readonly number[];
  readonly rows: "all" | "last";
}

/** Rows, pages and blocks of the sentences. Pages lie in the opposite order of their sentences. */
function tablesOf({ lengths, rows }: AttentionSampleShape, pageTokens: number) {
  const pages = lengths.map((length) => Math.ceil(length / pageTokens));
  const pageCount = pages.reduce((sum, count) => sum + count, 0);
  const infos: number[] = [];
  const blocks: number[] = [];
  let firstPage = 0;
  for (const [index, length] of lengths.entries()) {
    const first = rows === "all" ? 0 : length - 1;
    const firstRow = infos.length / 4;
    for (let position = first; position < length; position++) infos.push(0, position, firstPage, length);
    for (let row = 0; row < length - first; row += QUERY_BLOCK_ROWS)
      blocks.push(firstRow + row, Math.min(QUERY_BLOCK_ROWS, length - first - row));
    firstPage += pages[index]!;
  }
  return {
    rowInfo: Uint32Array.from(infos),
    pageTable: Uint32Array.from({ length: pageCount }, (_, page) => (pageCount - 1 - page) * pageTokens),
    blockTable: Uint32Array.from(blocks),
    rowCount: infos.length / 4,
    slots: pageCount * pageTokens,
  };
}

type Sample = KernelSample<AttentionBinding, AttentionParam>;

/** Zeros. */
export function attentionSample(shape: AttentionSampleShape, dimensions: ModelShape): Sample {
  const { heads, headWidth, attentionVectors, pageTokens } = dimensions;
  const { rowInfo, pageTable, blockTable, rowCount, slots } = tablesOf(shape, pageTokens);
  const rowBytes = 16 * attentionVectors;
  return {
    contents: {
      Q: rowBytes * rowCount,
      KV: 2 * rowBytes * slots,
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
  shape: AttentionSampleShape,
  { headVectors, pageTokens }: ModelShape,
): KernelTrial<AttentionBinding, AttentionParam> {
  const [heads, D] = [2, 4 * headVectors];
  const width = heads * D;
  const { rowInfo, pageTable, blockTable, rowCount, slots } = tablesOf(shape, pageTokens);
  const random = new SeededRandom(2);
  const floats = (count: number): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: count }, () => 2 * random.uniform() - 1);
  const [Q, KV] = [floats(rowCount * width), floats(2 * slots * width)];
  const scale = 1 / Math.sqrt(D);
  const expected = new Float64Array(rowCount * width);
  for (let row = 0; row < rowCount; row++) {
    const [, position, firstPage] = rowInfo.subarray(4 * row, 4 * row + 4) as unknown as [
      number,
      number,
      number,
    ];
    for (let head = 0; head < heads; head++) {
      const keyAt = (key: number): number => {
        const slot = pageTable[firstPage + Math.floor(key / pageTokens)]! + (key % pageTokens);
        return 2 * slot * width + head * D;
      };
      const own = row * width + head * D;
      const weights = Array.from({ length: position + 1 }, (_, key) => {
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
