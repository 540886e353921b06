// The values of weights by the words that the GPU reads: the inverse of pack.ts, for files that are saved and for checks.
import { placesOf, type GpuBlockFormat, type GpuMatrixShape, type GpuPlane } from "./gpu-layout.js";

/** The words of a matrix. */
export interface PackedMatrix {
  readonly quants: Uint32Array;
  readonly scales: Uint32Array;
}

/** All values of a matrix, a row of inputs per output, rounded as the kernels round them. */
export function unpackMatrix(
  packed: PackedMatrix,
  format: GpuBlockFormat,
  shape: GpuMatrixShape,
): Float32Array<ArrayBuffer> {
  const { outputs, inputs } = shape;
  const values = new Float32Array(outputs * inputs);
  const reader = new WordReader(packed, format, shape);
  for (let output = 0; output < outputs; output++)
    for (let input = 0; input < inputs; input++)
      values[output * inputs + input] = reader.valueAt(output, input);
  return values;
}

const { fround } = Math;

class WordReader {
  readonly #quants: Uint32Array;
  readonly #scales: Uint32Array;
  readonly #floats: Float32Array;
  readonly #format: GpuBlockFormat;
  readonly #groups: number;
  readonly #panel: number;
  readonly #vectors: number;
  readonly #scaleWords: number;
  readonly #begins: Readonly<Partial<Record<GpuPlane["name"], number>>>;

  constructor({ quants, scales }: PackedMatrix, format: GpuBlockFormat, shape: GpuMatrixShape) {
    const places = placesOf(format, shape);
    this.#quants = quants;
    this.#scales = scales;
    this.#floats = new Float32Array(scales.buffer, scales.byteOffset, scales.length);
    this.#format = format;
    this.#groups = shape.inputs / 32;
    this.#panel = shape.panel;
    this.#vectors = places.vectors;
    this.#scaleWords = places.scaleWords;
    this.#begins = places.planeBegins;
  }

  valueAt(output: number, input: number): number {
    const { group, centre, scaling } = this.#format;
    const [panel, lane] = [Math.floor(output / this.#panel), output % this.#panel];
    const at = (plane: GpuPlane["name"], index: number): number =>
      panel * this.#scaleWords + this.#begins[plane]! + index * this.#panel + lane;
    const q = this.#wholeOf(panel, lane, input, at);
    const index = Math.floor(input / group);
    const of256 = Math.floor(input / 256);
    switch (scaling) {
      case "scale":
        return fround(this.#floats[at("scale", index)]! * (q - centre));
      case "scale and minimum":
        return fround(fround(this.#floats[at("scale", index)]! * q) + this.#floats[at("minimum", index)]!);
      case "whole scales": {
        const word = this.#scales[at("whole", Math.floor(input / 64))]!;
        const s = signed(byteOf(word, Math.floor(input / 16) % 4));
        return fround(fround(this.#floats[at("unit", of256)]! * s) * (q - centre));
      }
      case "whole scales and minimums": {
        const pair = this.#scales[at("whole", index >> 1)]!;
        const s = byteOf(pair, 2 * (index & 1));
        const m = byteOf(pair, 2 * (index & 1) + 1);
        const product = fround(fround(this.#floats[at("unit", of256)]! * s) * q);
        return fround(product - fround(this.#floats[at("minimumUnit", of256)]! * m));
      }
      default:
        return scaling satisfies never;
    }
  }

  /** The bits of a weight, as a number. */
  #wholeOf(
    panel: number,
    lane: number,
    input: number,
    at: (plane: GpuPlane["name"], index: number) => number,
  ): number {
    const { bits, upperBits } = this.#format;
    const [group, inner] = [Math.floor(input / 32), input % 32];
    const vector = (index: number): number =>
      4 * (((panel * this.#groups + group) * this.#vectors + index) * this.#panel + lane);
    if (bits === 8) return signed(byteOf(this.#quants[vector(inner >> 4) + ((inner & 15) >> 2)]!, inner & 3));
    const own = byteOf(this.#quants[vector(0) + (inner >> 3)]!, inner & 3);
    const lower = inner & 4 ? own >> 4 : own & 15;
    if (upperBits === 0) return lower;
    const fours = 8 / upperBits;
    const s = inner >> 2;
    const word = this.#scales[at("upper", group * upperBits + Math.floor(s / fours))]!;
    return lower + (((word >>> (8 * (inner & 3) + upperBits * (s % fours))) & ((1 << upperBits) - 1)) << 4);
  }
}

const byteOf = (word: number, index: number): number => (word >>> (8 * index)) & 255;
const signed = (value: number): number => (value << 24) >> 24;
