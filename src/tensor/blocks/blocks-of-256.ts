// Formats with blocks of 256 weights: a float16 for the block, and a small whole number for each group of 16 or 32 weights that
// multiplies it. Layouts: ggml-common.h and the dequantisation of ggml-quants.c of https://github.com/ggml-org/ggml.
import { setByLevels } from "./blocks-of-32.js";
import type { BlockFormat, DecodedBlock } from "./decoded-block.js";
import { float16At } from "./float16.js";

/** Multiplies out scales, and minimums where `minimumUnit` is given. */
function setScales(block: DecodedBlock, groups: number, unit: number, minimumUnit?: number): void {
  block.unit = unit;
  for (let k = 0; k < groups; k++) block.scales[k] = unit * block.wholeScales[k]!;
  if (minimumUnit === undefined) return;
  block.minimumUnit = minimumUnit;
  for (let k = 0; k < groups; k++) block.minimums[k] = -(minimumUnit * block.wholeMinimums[k]!);
}

/** 8 scales and 8 minimums of 6 bits in 12 bytes: the first four whole, of the others the upper bits beside those. */
function setSixBitPairs(bytes: Uint8Array, at: number, { wholeScales, wholeMinimums }: DecodedBlock): void {
  for (let k = 0; k < 4; k++) {
    const [scale, minimum, low] = [bytes[at + k]!, bytes[at + k + 4]!, bytes[at + k + 8]!];
    wholeScales[k] = scale & 63;
    wholeMinimums[k] = minimum & 63;
    wholeScales[k + 4] = (low & 15) | ((scale >> 6) << 4);
    wholeMinimums[k + 4] = (low >> 4) | ((minimum >> 6) << 4);
  }
}

/** 256 numbers of 2 bits: in each half of 128, shifts of 0, 2, 4 and 6 bits give 32 consecutive ones. */
function setTwoBits(bytes: Uint8Array, at: number, quants: Int8Array): void {
  for (let index = 0; index < 256; index++) {
    const shift = (index >> 4) & 6;
    quants[index] = (bytes[at + 32 * (index >> 7) + (index & 31)]! >> shift) & 3;
  }
}

function format(
  name: string,
  bytes: number,
  group: number,
  hasMinimums: boolean,
  decode: (bytes: Uint8Array, at: number, block: DecodedBlock) => void,
): BlockFormat {
  return { name, elements: 256, bytes, group, hasMinimums, decode };
}

export const blocksOf256: readonly BlockFormat[] = [
  format("Q2_K", 84, 16, true, (bytes, at, block) => {
    for (let k = 0; k < 16; k++) {
      block.wholeScales[k] = bytes[at + k]! & 15;
      block.wholeMinimums[k] = bytes[at + k]! >> 4;
    }
    setTwoBits(bytes, at + 16, block.quants);
    setScales(block, 16, float16At(bytes, at + 80), float16At(bytes, at + 82));
  }),
  format("Q3_K", 110, 16, false, (bytes, at, block) => {
    for (let k = 0; k < 16; k++) {
      const byte = bytes[at + 96 + (k & 7)]!;
      const low = k < 8 ? byte & 15 : byte >> 4;
      const high = (bytes[at + 104 + (k & 3)]! >> (2 * (k >> 2))) & 3;
      block.wholeScales[k] = (low | (high << 4)) - 32;
    }
    setTwoBits(bytes, at + 32, block.quants);
    // The third bit says that 4 is not subtracted.
    for (let index = 0; index < 256; index++)
      if (((bytes[at + (index & 31)]! >> (index >> 5)) & 1) === 0) block.quants[index]! -= 4;
    setScales(block, 16, float16At(bytes, at + 108));
  }),
  format("Q4_K", 144, 32, true, (bytes, at, block) => {
    setSixBitPairs(bytes, at + 4, block);
    for (let index = 0; index < 256; index++)
      block.quants[index] = (bytes[at + 16 + 32 * (index >> 6) + (index & 31)]! >> ((index >> 3) & 4)) & 15;
    setScales(block, 8, float16At(bytes, at), float16At(bytes, at + 2));
  }),
  format("Q5_K", 176, 32, true, (bytes, at, block) => {
    setSixBitPairs(bytes, at + 4, block);
    for (let index = 0; index < 256; index++) {
      const low = (bytes[at + 48 + 32 * (index >> 6) + (index & 31)]! >> ((index >> 3) & 4)) & 15;
      const high = (bytes[at + 16 + (index & 31)]! >> (index >> 5)) & 1;
      block.quants[index] = low | (high << 4);
    }
    setScales(block, 8, float16At(bytes, at), float16At(bytes, at + 2));
  }),
  format("Q6_K", 210, 16, false, (bytes, at, block) => {
    for (let index = 0; index < 256; index++) {
      const half = index >> 7;
      const low = bytes[at + 64 * half + (index & 63)]! >> ((index >> 4) & 4);
      const high = bytes[at + 128 + 32 * half + (index & 31)]! >> ((index >> 4) & 6);
      block.quants[index] = ((low & 15) | ((high & 3) << 4)) - 32;
    }
    for (let k = 0; k < 16; k++) block.wholeScales[k] = bytes[at + 192 + k]!;
    setScales(block, 16, float16At(bytes, at + 208));
  }),
  format("IQ4_XS", 136, 32, false, (bytes, at, block) => {
    const highBits = bytes[at + 2]! | (bytes[at + 3]! << 8);
    for (let k = 0; k < 8; k++) {
      const low = (bytes[at + 4 + (k >> 1)]! >> (4 * (k & 1))) & 15;
      block.wholeScales[k] = (low | (((highBits >> (2 * k)) & 3) << 4)) - 32;
      setByLevels(bytes, at + 8 + 16 * k, block.quants, 32 * k);
    }
    setScales(block, 8, float16At(bytes, at));
  }),
];
