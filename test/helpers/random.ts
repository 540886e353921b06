// Seeded random numbers for tests: the same seed gives the same numbers on every machine.
import { float32ToBfloat16, float32ToFloat16, toFloat32 } from "../../src/tensor/formats.js";
import { SeededRandom as UniformRandom } from "../../src/util/seeded-random.js";

/** Random numbers from one seed. */
export class SeededRandom extends UniformRandom {
  /** A whole number in [0, limit). */
  integer(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }

  /** Normal, mean 0 and deviation 1 (Box and Muller). */
  override normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }
}

/** The mean square of `randomFloats` with scale 1: (6·1 + 8² + 1/64²) / 8. */
export const meanSquareOfRandomFloats: number = 8.75;

/** `count` numbers of both signs around `scale`; one in eight is 8 times as large, one in eight 64 times smaller. */
export function randomFloats(seed: number, count: number, scale: number = 1): Float32Array<ArrayBuffer> {
  const random = new SeededRandom(seed);
  return Float32Array.from({ length: count }, () => {
    const kind = random.integer(8);
    return random.normal() * scale * (kind === 0 ? 8 : kind === 1 ? 1 / 64 : 1);
  });
}

/** As `randomFloats`, of numbers that f16 holds exactly, the first of them below its normal ones. */
export function randomHalves(seed: number, count: number, scale: number = 1): Float32Array<ArrayBuffer> {
  const values = randomFloats(seed, count, scale).fill(5 * 2 ** -24, 0, 1);
  return toFloat32(new Uint8Array(float32ToFloat16(values).buffer), "F16");
}

/** As `randomFloats`, of numbers that bf16 holds exactly. */
export function randomBfloats(seed: number, count: number, scale: number = 1): Float32Array<ArrayBuffer> {
  return toFloat32(new Uint8Array(float32ToBfloat16(randomFloats(seed, count, scale)).buffer), "BF16");
}

/** The same numbers as f16, two to a word. */
export function packHalves(values: Float32Array): Uint32Array<ArrayBuffer> {
  return new Uint32Array(float32ToFloat16(values).buffer);
}

/** The same numbers as bf16, two to a word. */
export function packBfloats(values: Float32Array): Uint32Array<ArrayBuffer> {
  return new Uint32Array(float32ToBfloat16(values).buffer);
}
