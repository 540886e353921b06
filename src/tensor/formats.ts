// Number formats: in files, of weights on the GPU, and of products; sizes, and exact conversion to and from float32. Knows no
// file format and no GPU. Bytes are little-endian, in files as in memory: every platform with WebGPU is little-endian.
import type { GpuFormatName } from "./blocks/gpu-layout.js";

/** Number formats of tensors in files that weft computes from. */
export type Dtype = "F32" | "F16" | "BF16";

/** Plain numbers that matrices of weights may be stored in on the GPU. */
export type FloatFormat = "f32" | "f16" | "bf16";

/** How matrices of weights are stored on the GPU: as plain numbers or in blocks. Biases and norms are always float32. */
export type WeightFormat = FloatFormat | GpuFormatName;

/** How generation stores keys and values. */
export type CacheFormat = "f32" | "f16";

/** What products of linear layers are computed in. */
export type Arithmetic = "f32" | "f16";

/** Bytes of one element in a file. */
export const elementBytes: Readonly<Record<Dtype, number>> = { F32: 4, F16: 2, BF16: 2 };

/** Bytes of one weight of a matrix on the GPU. */
export const weightElementBytes: Readonly<Record<FloatFormat, number>> = { f32: 4, f16: 2, bf16: 2 };

/** Whether `name` is a number format of files that weft computes from. */
export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(elementBytes, name);
}

/**
 * The numbers stored in `bytes` (a whole number of elements, at any byte offset of its buffer), each exactly.
 * F32 bytes at a multiple of 4 are viewed, not copied; everything else is a new array.
 */
export function toFloat32(bytes: Uint8Array<ArrayBuffer>, dtype: Dtype): Float32Array<ArrayBuffer> {
  const size = elementBytes[dtype];
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  const count = aligned.byteLength / size;
  if (dtype === "F32") return new Float32Array(aligned.buffer, aligned.byteOffset, count);
  const halves = new Uint16Array(aligned.buffer, aligned.byteOffset, count);
  const bits = new Uint32Array(count);
  if (dtype === "BF16") {
    for (let i = 0; i < count; i++) bits[i] = halves[i]! << 16;
  } else {
    float16Table ??= buildFloat16Table();
    for (let i = 0; i < count; i++) bits[i] = float16Table[halves[i]!]!;
  }
  return new Float32Array(bits.buffer);
}

/** The nearest float16 of each value as its 16 bits; ties go to the even one, values from 65520 on to infinity. */
export function float32ToFloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.slice().buffer);
  const halves = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) halves[i] = roundToFloat16(bits[i]!);
  return halves;
}

/** The nearest bfloat16 of each value as its 16 bits; ties go to the even one. A NaN stays one. */
export function float32ToBfloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const own = bits[i]!;
    const isNan = (own & 0x7fffffff) > 0x7f800000;
    // Half a unit of the last place, less one where the upper half is even. A carry raises the exponent, which is right.
    halves[i] = isNan ? (own >>> 16) | 0x40 : (own + 0x7fff + ((own >>> 16) & 1)) >>> 16;
  }
  return halves;
}

/** float32 bits of each of the 65,536 float16 values: 256 KiB, built at the first use. */
let float16Table: Uint32Array | undefined;

function buildFloat16Table(): Uint32Array {
  const values = new Float32Array(65536);
  const bits = new Uint32Array(values.buffer);
  for (let half = 0; half < 65536; half++) {
    const sign = (half & 0x8000) << 16;
    const exponent = (half >> 10) & 0x1f;
    const mantissa = half & 0x3ff;
    if (exponent === 0) {
      // Zero and subnormals: a multiple of 2^-24, which is a normal float32.
      values[half] = mantissa * 2 ** -24;
      bits[half] = bits[half]! | sign;
    } else {
      const exponent32 = exponent === 31 ? 255 : exponent - 15 + 127;
      bits[half] = sign | (exponent32 << 23) | (mantissa << 13);
    }
  }
  return bits;
}

function roundToFloat16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x1ff); // NaN, its upper payload kept
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // from 65520 on
  if (magnitude < 0x33000000) return sign; // below 2^-25, half of the smallest subnormal
  if (magnitude < 0x38800000) {
    // Below 2^-14: a multiple of 2^-24. The mantissa with its hidden bit is shifted to that unit.
    const shift = 126 - (magnitude >>> 23);
    return sign | roundShift((magnitude & 0x7fffff) | 0x800000, shift);
  }
  // A carry out of the mantissa raises the exponent, which is the right value.
  return sign | roundShift(magnitude - ((127 - 15) << 23), 13);
}

/** value / 2^shift, rounded to nearest, ties to even. */
function roundShift(value: number, shift: number): number {
  const floor = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return rest > half || (rest === half && (floor & 1) === 1) ? floor + 1 : floor;
}
