// How other software stores matrices of safetensors in 4 or 8 bits: whole numbers packed into words of 32 bits, and a scale and an
// offset for each group of consecutive inputs. Each becomes rows of the form scale·q + minimum. Knows no files.
//
// MLX: weight (N, K·bits/32), scales and biases (N, groups): scale·q + bias. https://github.com/ml-explore/mlx
// GPTQ: qweight (K·bits/32, N), qzeros (groups, N·bits/32), scales (groups, N): scale·(q − z − 1), or scale·(q − z) in its version 2;
// https://github.com/AutoGPTQ/AutoGPTQ
// AWQ: qweight (K, N·bits/32), qzeros (groups, N·bits/32), scales (groups, N): scale·(q − z). The eight outputs of a word are in the
// order 0, 2, 4, 6, 1, 3, 5, 7 from the lowest bits on. https://github.com/casper-hansen/AutoAWQ
import { AffineRows, type AffineBits } from "./affine-rows.js";

export type GroupScheme = "mlx" | "gptq" | "gptq_v2" | "awq";

/** The tensors of a matrix by the ends of their names, besides what the scheme does without. */
export const partsOfScheme: Readonly<Record<GroupScheme, readonly string[]>> = {
  mlx: ["weight", "scales", "biases"],
  gptq: ["qweight", "qzeros", "scales"],
  gptq_v2: ["qweight", "qzeros", "scales"],
  awq: ["qweight", "qzeros", "scales"],
};

/** The tensor with the whole numbers. */
export const wholesOfScheme = (scheme: GroupScheme): string => partsOfScheme[scheme][0]!;

/** A matrix in parts. Words are those of tensors of 32 bits; scales and biases are row-major float32. */
export interface GroupedMatrix {
  readonly outputs: number;
  readonly inputs: number;
  readonly bits: AffineBits;
  /** Inputs with one scale, a multiple of 32. */
  readonly group: number;
  readonly wholes: Uint32Array;
  readonly scales: Float32Array;
  /** MLX's. */
  readonly biases?: Float32Array;
  /** Those of GPTQ and AWQ. */
  readonly zeros?: Uint32Array;
}

/** The bits of a matrix by the shape of its whole numbers, or undefined for a shape that the scheme does not have. */
export function bitsOf(
  scheme: GroupScheme,
  shape: readonly number[],
  { outputs, inputs }: { readonly outputs: number; readonly inputs: number },
): number | undefined {
  const [rows, columns] = shape;
  if (shape.length !== 2) return undefined;
  switch (scheme) {
    case "mlx":
      return rows === outputs ? (32 * columns!) / inputs : undefined;
    case "gptq":
    case "gptq_v2":
      return columns === outputs ? (32 * rows!) / inputs : undefined;
    case "awq":
      return rows === inputs ? (32 * columns!) / outputs : undefined;
    default:
      return scheme satisfies never;
  }
}

export function toAffineRows(scheme: GroupScheme, matrix: GroupedMatrix): AffineRows {
  const rows = new AffineRows(matrix.outputs, matrix.inputs, matrix.bits);
  copyWholes(scheme, matrix, rows);
  const { outputs, inputs, group, scales } = matrix;
  const groups = inputs / group;
  const blocks = group / 32;
  for (let output = 0; output < outputs; output++)
    for (let g = 0; g < groups; g++) {
      const scale = scales[scheme === "mlx" ? output * groups + g : g * outputs + output]!;
      const minimum =
        scheme === "mlx" ? matrix.biases![output * groups + g]! : -scale * zeroOf(scheme, matrix, g, output);
      for (let block = g * blocks; block < (g + 1) * blocks; block++)
        rows.setScale(output, block, scale, minimum);
    }
  return rows;
}

function copyWholes(
  scheme: GroupScheme,
  { outputs, inputs, bits, wholes }: GroupedMatrix,
  to: AffineRows,
): void {
  const words = (inputs * bits) / 32;
  for (let output = 0; output < outputs; output++)
    for (let index = 0; index < words; index++) {
      if (scheme === "mlx") to.setWord(output, index, wholes[output * words + index]!);
      else if (scheme !== "awq") to.setWord(output, index, wholes[index * outputs + output]!);
      else {
        let word = 0;
        const perWord = 32 / bits;
        for (let i = 0; i < perWord; i++)
          word |= alongOutputs(wholes, perWord * index + i, output, outputs, bits, true) << (bits * i);
        to.setWord(output, index, word);
      }
    }
}

/** What is subtracted from the whole numbers. */
function zeroOf(
  scheme: GroupScheme,
  { outputs, bits, zeros }: GroupedMatrix,
  group: number,
  output: number,
): number {
  const zero = alongOutputs(zeros!, group, output, outputs, bits, scheme === "awq");
  return scheme === "gptq" ? zero + 1 : zero;
}

/** Of whole numbers that are packed along the outputs, that of a row and an output. */
function alongOutputs(
  words: Uint32Array,
  row: number,
  output: number,
  outputs: number,
  bits: AffineBits,
  isInTurns: boolean,
): number {
  const perWord = 32 / bits;
  const at = output % perWord;
  // Even outputs first: output 0 is the lowest, output 1 follows after half of them.
  const place = isInTurns ? (at % 2) * (perWord / 2) + Math.floor(at / 2) : at;
  const word = words[(row * outputs + output - at) / perWord]!;
  return (word >>> (bits * place)) & (2 ** bits - 1);
}
