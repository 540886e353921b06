// Samples of attention, of the model's own shapes, to measure.
import type { AttentionStep } from "../families/recipe.js";
import {
  QUERY_BLOCK_ROWS,
  type AttentionBinding,
  type AttentionParam,
} from "../kernels/attention/attention.js";
import { keyBlocksOf, partialBytes } from "../kernels/attention/split.js";
import { attentionParamsOf } from "../layers/attention.js";
import { writeRowInfo, ROW_WORDS } from "../model/rows.js";
import { keyValueRowBytes, type ModelShape } from "../model/shape.js";
import type { KernelSample } from "./sample.js";

/** The sentences of a sample by their lengths, and whether all rows of each are computed or, as in decoding, the last. */
export interface AttentionSampleShape {
  readonly lengths: readonly number[];
  readonly rows: "all" | "last";
}

export interface SampleTables {
  readonly rowInfo: Uint32Array<ArrayBuffer>;
  readonly pageTable: Uint32Array<ArrayBuffer>;
  readonly blockTable: Uint32Array<ArrayBuffer>;
  readonly rowCount: number;
  readonly slots: number;
}

/** Rows, pages and blocks of the sentences. Pages lie in the opposite order of their sentences. */
export function tablesOf({ lengths, rows }: AttentionSampleShape, pageTokens: number): SampleTables {
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

/** The bindings of all dispatches of attention. */
export type AttentionSampleBinding = AttentionBinding | "partials";

type Sample = KernelSample<AttentionSampleBinding, AttentionParam>;

/** What the parameters and the partial results follow from. */
export function callOf(
  lengths: readonly number[],
  blockCount: number,
  heads: number,
  headVectors: number,
  step: AttentionStep,
): { readonly params: Record<AttentionParam, number>; readonly partials: number } {
  const keyBlocks = keyBlocksOf(Math.max(...lengths), step.window);
  return {
    params: attentionParamsOf({ blocks: { firstEntry: 0, count: blockCount }, heads, step }, keyBlocks),
    partials: partialBytes({ blockCount, heads, headVectors, keyBlocks }),
  };
}

/** Zeros. */
export function attentionSample(
  sampled: AttentionSampleShape,
  shape: ModelShape,
  step: AttentionStep,
): Sample {
  const { heads, headVectors, queryVectors, pageTokens } = shape;
  const { rowInfo, pageTable, blockTable, rowCount, slots } = tablesOf(sampled, pageTokens);
  const { params, partials } = callOf(sampled.lengths, blockTable.length / 2, heads, headVectors, step);
  const rowBytes = 16 * queryVectors;
  return {
    contents: {
      Q: rowBytes * rowCount,
      KV: keyValueRowBytes(shape) * slots,
      rowInfo,
      pageTable,
      blockTable,
      A: rowBytes * rowCount,
      partials,
    },
    params,
  };
}
