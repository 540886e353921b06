// Quantises plain numbers into blocks of 32 weights along the inputs: 8 or 4 bits with a scale in float32, symmetric around 0.
import { blockOf32, setHalves, type BlockFormat } from "./decoded-block.js";

export const QUANTISED_BLOCK = 32;

const scaleOf = new DataView(new ArrayBuffer(4));

/** The float32 whose first byte is bytes[at]. */
function float32At(bytes: Uint8Array, at: number): number {
  for (let index = 0; index < 4; index++) scaleOf.setUint8(index, bytes[at + index]!);
  return scaleOf.getFloat32(0, true);
}

/** A scale, then 32 whole numbers from -127 to 127. */
const own8 = blockOf32("own8", 36, false, (bytes, at, block) => {
  block.scales[0] = float32At(bytes, at);
  for (let j = 0; j < 32; j++) block.quants[j] = bytes[at + 4 + j]!;
});

/** A scale, then 16 bytes: whole numbers from -8 to 7, each 8 more than it is; j in the low half of a byte, j + 16 in the high half. */
const own4 = blockOf32("own4", 20, false, (bytes, at, block) => {
  block.scales[0] = float32At(bytes, at);
  setHalves(bytes, at + 4, block.quants, 0, (bits) => bits - 8);
});

export interface Quantised {
  readonly format: BlockFormat;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Sums over all numbers: of (value - quantised)², and of value². The root of their ratio is the error relative to the weights. */
  readonly squaredError: number;
  readonly squaredSize: number;
}

/**
 * Quantises rows whose length is a multiple of 32. With 8 bits a block's largest magnitude becomes ±127. With 4 bits it becomes -8,
 * whatever its sign, as there is no 8. Values must be finite.
 */
export function quantise(values: Float32Array, bits: 4 | 8): Quantised {
  const format = bits === 8 ? own8 : own4;
  const bytes = new Uint8Array((values.length / QUANTISED_BLOCK) * format.bytes);
  const view = new DataView(bytes.buffer);
  let squaredError = 0;
  let squaredSize = 0;
  for (let first = 0, at = 0; first < values.length; first += QUANTISED_BLOCK, at += format.bytes) {
    const extreme = extremeOf(values, first);
    const scale = Math.fround(bits === 8 ? Math.abs(extreme) / 127 : extreme / -8);
    const [least, most] = bits === 8 ? [-127, 127] : [-8, 7];
    view.setFloat32(at, scale, true);
    for (let j = 0; j < QUANTISED_BLOCK; j++) {
      const value = values[first + j]!;
      const q = scale === 0 ? 0 : Math.min(most, Math.max(least, Math.round(value / scale)));
      if (bits === 8) bytes[at + 4 + j] = q;
      else bytes[at + 4 + (j & 15)]! |= (q + 8) << (j < 16 ? 0 : 4);
      squaredError += (value - scale * q) ** 2;
      squaredSize += value * value;
    }
  }
  return { format, bytes, squaredError, squaredSize };
}

/** Of 32 values, the one of the largest magnitude. */
function extremeOf(values: Float32Array, first: number): number {
  let extreme = 0;
  for (let j = first; j < first + QUANTISED_BLOCK; j++)
    if (Math.abs(values[j]!) > Math.abs(extreme)) extreme = values[j]!;
  return extreme;
}
