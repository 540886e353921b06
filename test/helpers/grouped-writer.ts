// Packs matrices as GPTQ, AWQ and MLX do, one bit field after the other, and says what they stand for.
import type { StoredTensor } from "../../src/files/safetensors.js";
import { float32ToFloat16, toFloat32 } from "../../src/tensor/formats.js";
import type { GroupScheme } from "../../src/tensor/grouped/schemes.js";
import { SeededRandom } from "./random.js";

export interface PackedMatrix {
  readonly tensors: readonly StoredTensor[];
  /** (outputs, inputs), rounded once to float32. */
  readonly values: Float32Array<ArrayBuffer>;
}

export interface PackOptions {
  readonly name: string;
  readonly outputs: number;
  readonly inputs: number;
  readonly group: number;
  readonly bits?: 4 | 8;
  readonly seed?: number;
}

/** A random matrix "NAME.weight" in the tensors of a scheme. */
export function packMatrix(scheme: GroupScheme, options: PackOptions): PackedMatrix {
  const { name, outputs, inputs, group, bits = 4, seed = 1 } = options;
  const random = new SeededRandom(seed);
  const groups = inputs / group;
  const levels = 2 ** bits;
  const q = Array.from({ length: outputs }, () =>
    Array.from({ length: inputs }, () => random.integer(levels)),
  );
  const z = Array.from({ length: outputs }, () =>
    Array.from({ length: groups }, () => random.integer(levels)),
  );
  const scales = halves(outputs * groups, () => (random.uniform() + 0.1) / levels);
  const biases = halves(outputs * groups, () => -random.uniform() / 2);
  const values = new Float32Array(outputs * inputs);
  for (let n = 0; n < outputs; n++)
    for (let k = 0; k < inputs; k++) {
      const g = Math.floor(k / group);
      const scale = scales.values[n * groups + g]!;
      const offset = scheme === "gptq" ? 1 : 0;
      values[n * inputs + k] =
        scheme === "mlx"
          ? scale * q[n]![k]! + biases.values[n * groups + g]!
          : scale * (q[n]![k]! - z[n]![g]! - offset);
    }
  const tensor = (
    part: string,
    dtype: string,
    shape: number[],
    bytes: Uint8Array<ArrayBuffer>,
  ): StoredTensor => ({
    name: `${name}.${part}`,
    dtype,
    shape,
    bytes,
  });
  /** Fields of `bits` in words of 32; `at` says the word and the place in it. */
  const words = (
    count: number,
    rows: number[][],
    at: (row: number, column: number) => readonly [number, number],
  ): Uint8Array<ArrayBuffer> => {
    const packed = new Uint32Array(count);
    for (const [row, own] of rows.entries())
      for (const [column, value] of own.entries()) {
        const [word, place] = at(row, column);
        packed[word]! |= value << (bits * place);
      }
    return new Uint8Array(packed.buffer);
  };
  const per = 32 / bits;
  if (scheme === "mlx")
    return {
      tensors: [
        tensor("biases", "F16", [outputs, groups], biases.bytes),
        tensor("scales", "F16", [outputs, groups], scales.bytes),
        tensor(
          "weight",
          "U32",
          [outputs, inputs / per],
          words((outputs * inputs) / per, q, (n, k) => [n * (inputs / per) + Math.floor(k / per), k % per]),
        ),
      ],
      values,
    };
  const turn = [0, 2, 4, 6, 1, 3, 5, 7];
  const placeOf = (n: number): number => (scheme === "awq" ? turn.indexOf(n % 8) : n % per);
  const turned = halvesTurned(scales.bytes, outputs, groups);
  return {
    tensors: [
      ...(scheme === "awq"
        ? []
        : [
            tensor(
              "g_idx",
              "I32",
              [inputs],
              new Uint8Array(Int32Array.from({ length: inputs }, (_, k) => Math.floor(k / group)).buffer),
            ),
          ]),
      scheme === "awq"
        ? tensor(
            "qweight",
            "I32",
            [inputs, outputs / per],
            words((inputs * outputs) / per, q, (n, k) => [
              k * (outputs / per) + Math.floor(n / per),
              placeOf(n),
            ]),
          )
        : tensor(
            "qweight",
            "I32",
            [inputs / per, outputs],
            words((inputs * outputs) / per, q, (n, k) => [Math.floor(k / per) * outputs + n, k % per]),
          ),
      tensor(
        "qzeros",
        "I32",
        [groups, outputs / per],
        words((groups * outputs) / per, z, (n, g) => [g * (outputs / per) + Math.floor(n / per), placeOf(n)]),
      ),
      tensor("scales", "F16", [groups, outputs], turned),
    ],
    values,
  };
}

function halves(
  count: number,
  next: () => number,
): { bytes: Uint8Array<ArrayBuffer>; values: Float32Array<ArrayBuffer> } {
  const bytes = new Uint8Array(float32ToFloat16(Float32Array.from({ length: count }, next)).buffer);
  return { bytes, values: toFloat32(bytes, "F16") };
}

/** (outputs, groups) as (groups, outputs). */
function halvesTurned(
  bytes: Uint8Array<ArrayBuffer>,
  outputs: number,
  groups: number,
): Uint8Array<ArrayBuffer> {
  const from = new Uint16Array(bytes.buffer);
  const to = new Uint16Array(from.length);
  for (let n = 0; n < outputs; n++)
    for (let g = 0; g < groups; g++) to[g * outputs + n] = from[n * groups + g]!;
  return new Uint8Array(to.buffer);
}
