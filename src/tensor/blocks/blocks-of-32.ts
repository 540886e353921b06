// Formats with blocks of 32 weights: a scale as float16, in some a minimum, then the weights of 4, 5 or 8 bits. Bytes hold weight
// j in their low half and weight j + 16 in their high half. Layouts: ggml-common.h of https://github.com/ggml-org/ggml.
import { blockOf32, setHalves, type BlockFormat } from "./decoded-block.js";
import { float16At } from "./float16.js";

/** The weights of IQ4_NL and IQ4_XS: 16 levels that are closer around 0. */
export const unevenLevels: readonly number[] = [
  -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
];

/** Twice the values of a float of 4 bits (e2m1). */
const float4Levels: readonly number[] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/** 32 weights by their levels, for IQ4_XS too. */
export function setByLevels(
  bytes: Uint8Array,
  at: number,
  quants: Int8Array,
  first: number,
  levels: readonly number[] = unevenLevels,
): void {
  setHalves(bytes, at, quants, first, (bits) => levels[bits]!);
}

function setFiveBits(bytes: Uint8Array, highAt: number, at: number, quants: Int8Array, centre: number): void {
  for (let j = 0; j < 16; j++) {
    const byte = bytes[at + j]!;
    const low = (bytes[highAt + (j >> 3)]! >> (j & 7)) & 1;
    const high = (bytes[highAt + 2 + (j >> 3)]! >> (j & 7)) & 1;
    quants[j] = ((byte & 15) | (low << 4)) - centre;
    quants[j + 16] = ((byte >> 4) | (high << 4)) - centre;
  }
}

export const blocksOf32: readonly BlockFormat[] = [
  blockOf32("Q8_0", 34, false, (bytes, at, block) => {
    block.scales[0] = float16At(bytes, at);
    // An Int8Array keeps the low byte, as two's complement.
    for (let j = 0; j < 32; j++) block.quants[j] = bytes[at + 2 + j]!;
  }),
  blockOf32("Q4_0", 18, false, (bytes, at, block) => {
    block.scales[0] = float16At(bytes, at);
    setHalves(bytes, at + 2, block.quants, 0, (bits) => bits - 8);
  }),
  blockOf32("Q4_1", 20, true, (bytes, at, block) => {
    block.scales[0] = float16At(bytes, at);
    block.minimums[0] = float16At(bytes, at + 2);
    setHalves(bytes, at + 4, block.quants, 0, (bits) => bits);
  }),
  blockOf32("Q5_0", 22, false, (bytes, at, block) => {
    block.scales[0] = float16At(bytes, at);
    setFiveBits(bytes, at + 2, at + 6, block.quants, 16);
  }),
  blockOf32("Q5_1", 24, true, (bytes, at, block) => {
    block.scales[0] = float16At(bytes, at);
    block.minimums[0] = float16At(bytes, at + 2);
    setFiveBits(bytes, at + 4, at + 8, block.quants, 0);
  }),
  blockOf32("IQ4_NL", 18, false, (bytes, at, block) => {
    block.scales[0] = float16At(bytes, at);
    setByLevels(bytes, at + 2, block.quants, 0);
  }),
  blockOf32("MXFP4", 17, false, (bytes, at, block) => {
    // Half of 2^(e - 127), as the levels are doubled. Below 2^-126 for the two smallest exponents: subnormal, and exact.
    block.scales[0] = 2 ** (bytes[at]! - 128);
    setByLevels(bytes, at + 1, block.quants, 0, float4Levels);
  }),
];
