// What the matrices of a model are stored in on the GPU: what a caller asks for, or what their files have.
import type { TensorNames } from "../../families/family.js";
import { gpuFormatOf } from "../../tensor/blocks/gpu-layout.js";
import { QUANTISED_BLOCK } from "../../tensor/blocks/quantise.js";
import type { WeightFormat } from "../../tensor/formats.js";
import { outputsOf, tensorKey } from "./file-tensors.js";
import { isUnpadded, type FormatRun, type Matrix } from "./parameters.js";

/** Formats of files that stay two bytes a weight. */
const halves: Readonly<Record<string, WeightFormat>> = { F16: "f16", BF16: "bf16" };

/**
 * Blocks and numbers of 16 bits stay as they are. A matrix that is joined from blocks of several formats has a piece of each, but
 * pairs of two formats are stored in one that holds the values of both. Other mixtures, and blocks of a matrix that needs padding,
 * become float32. Nothing is lost in any case. `formatOf`: the format of the tensor with a key, in the terms of files.
 */
export function formatsOfFiles(
  formatOf: (key: string) => string | undefined,
  names: TensorNames,
): (matrix: Matrix) => WeightFormat | readonly FormatRun[] {
  return (matrix) => {
    const source = names.roles[matrix.role];
    if (!source || matrix.layout !== "interleaved" || source.offset !== undefined) return "f32";
    const ofParts = source.parts.map(({ of }) => formatOf(tensorKey(of, matrix.layer, "weight")) ?? "");
    const formats = [...new Set(ofParts)];
    const [first] = formats as [string, ...string[]];
    if (formats.length === 1 && halves[first]) return halves[first];
    if (!isUnpadded(matrix) || !formats.every((format) => gpuFormatOf[format])) return "f32";
    if (formats.length === 1) return gpuFormatOf[first]!;
    if (matrix.outputs.isPaired) return "q8m";
    const { size } = matrix.outputs;
    return joinRuns(
      source.parts.map((part, index) => ({
        outputs: outputsOf(part, size, source.parts.length),
        format: gpuFormatOf[ofParts[index]!]!,
      })),
      ofParts,
    );
  };
}

/**
 * Neighbours of one format of files as one. Several such formats may be the same on the GPU, but the rows of a piece are packed from
 * blocks of one.
 */
function joinRuns(runs: readonly FormatRun[], ofFiles: readonly string[]): readonly FormatRun[] {
  const joined: FormatRun[] = [];
  for (const [index, run] of runs.entries()) {
    const last = joined.at(-1);
    if (last && ofFiles[index] === ofFiles[index - 1])
      joined[joined.length - 1] = { ...run, outputs: last.outputs + run.outputs };
    else joined.push(run);
  }
  return joined;
}

/** Quantises every matrix whose rows are whole blocks. The others become float32. */
export function quantised(format: "q8" | "q4"): (matrix: Matrix) => WeightFormat {
  return (matrix) => (isUnpadded(matrix) && matrix.inputs!.size % QUANTISED_BLOCK === 0 ? format : "f32");
}
