// Quantised weights as float32 on the host, exactly as the formats define them.
import { isDtype, toFloat32 } from "../formats.js";
import { blocksOf256 } from "./blocks-of-256.js";
import { blocksOf32 } from "./blocks-of-32.js";
import { emptyBlock, type BlockFormat } from "./decoded-block.js";

/** Formats of quantised weights that weft computes from, by name. */
export const blockFormats: ReadonlyMap<string, BlockFormat> = new Map(
  [...blocksOf32, ...blocksOf256].map((format) => [format.name, format]),
);

/** Whether weft computes from weights of this format: plain numbers or blocks. */
export function isReadable(format: string): boolean {
  return isDtype(format) || blockFormats.has(format);
}

/** The formats that weft computes from, for messages. */
export const readableFormats: readonly string[] = ["F32", "F16", "BF16", ...blockFormats.keys()];

/**
 * The weights in `bytes`, a whole number of blocks of a readable format. Bit for bit what the format means: all products are
 * exact, and the addition of a minimum is rounded once. MXFP4 and plain numbers may be subnormal.
 */
export function dequantise(bytes: Uint8Array<ArrayBuffer>, format: string): Float32Array<ArrayBuffer> {
  if (isDtype(format)) return toFloat32(bytes, format);
  const known = blockFormats.get(format);
  if (!known) throw new Error(`no block format ${format}: ask isReadable first`);
  return dequantiseBlocks(bytes, known);
}

/** As `dequantise`, of any format of blocks. */
export function dequantiseBlocks(bytes: Uint8Array, format: BlockFormat): Float32Array<ArrayBuffer> {
  const { elements, bytes: blockBytes, group, hasMinimums } = format;
  const blocks = bytes.length / blockBytes;
  const values = new Float32Array(blocks * elements);
  const block = emptyBlock();
  const { quants, scales, minimums } = block;
  for (let index = 0; index < blocks; index++) {
    format.decode(bytes, index * blockBytes, block);
    const first = index * elements;
    for (let begin = 0, k = 0; begin < elements; begin += group, k++) {
      const scale = scales[k]!;
      const minimum = minimums[k]!;
      // Sums of float64 are exact here (at most 52 bits), so that float32 is rounded to once. Zeros keep their signs.
      if (hasMinimums)
        for (let j = begin; j < begin + group; j++) values[first + j] = scale * quants[j]! + minimum;
      else for (let j = begin; j < begin + group; j++) values[first + j] = scale * quants[j]!;
    }
  }
  return values;
}
