// Moves numbers between a tensor of a file and a piece of a parameter in the layout of the kernels, in both directions. Rows and
// columns go to their padded places, in the order that the kernels read.
import { placeIn } from "../axis.js";
import type { FilePart, FileTensor } from "./file-tensors.js";
import type { Parameter, Piece } from "./parameters.js";

/** Outputs and inputs are moved in blocks of this size, so that both reads and writes stay in the cache. */
const BLOCK = 32;

export interface PartCopy {
  readonly tensor: FileTensor;
  readonly part: FilePart;
  readonly piece: Piece;
  /** The rows of outputs that the values of the file have. Default: all. */
  readonly rows?: { readonly first: number; readonly count: number };
  /** How the numbers of the piece lie. Default: as the parameter says. */
  readonly layout?: Parameter["layout"];
}

/** Says where the numbers of an array are: that of output o and input i is at outputs[o] + inputs[i]. */
interface Places {
  readonly outputs: Int32Array;
  readonly inputs: Int32Array;
}

/** Copies what `part` and `piece` have in common from the values of the tensor to those of the piece. Returns how many outputs. */
export function copyIn(copy: PartCopy, from: Float32Array, to: Float32Array): number {
  const { file, own } = placesOf(copy);
  move(from, file, to, own);
  return own.outputs.length;
}

/** The inverse of `copyIn`. */
export function copyOut(copy: PartCopy, from: Float32Array, to: Float32Array): void {
  const { file, own } = placesOf(copy);
  move(from, own, to, file);
}

/** Whether the piece has all numbers of the tensor in the same order, so that nothing has to be moved. */
export function isSame(
  { tensor, part, piece, ...own }: PartCopy,
  elements: number = piece.elements,
): boolean {
  const { inputs } = part.parameter;
  const layout = own.layout ?? part.parameter.layout;
  const isInOrder = inputs === undefined || (layout === "outputs first" && tensor.order === "out,in");
  return (
    isInOrder &&
    !part.isMoved &&
    !part.parameter.outputs.isPaired &&
    part.count === tensor.outputs &&
    elements === tensor.outputs * tensor.inputs
  );
}

function placesOf(copy: PartCopy): { readonly file: Places; readonly own: Places } {
  const { tensor, part, piece, rows } = copy;
  const { parameter, firstOutput, count, outputAt } = part;
  const { inputs, outputs } = parameter;
  const layout = copy.layout ?? parameter.layout;
  const first = Math.max(firstOutput, piece.first);
  const outputCount = Math.max(0, Math.min(firstOutput + count, piece.first + piece.count) - first);
  // Of these outputs, those whose rows are there, counted from the first output of the piece that the part has.
  const present = Array.from({ length: outputCount }, (_, index) => index).filter((index) => {
    const row = outputAt(first - firstOutput + index);
    return !rows || (row >= rows.first && row < rows.first + rows.count);
  });
  const inputCount = inputs?.size ?? 1;
  const isInterleaved = inputs !== undefined && layout === "interleaved";
  /** Of a padded input in the piece. */
  const inputPlace = (input: number): number =>
    isInterleaved ? Math.floor(input / 4) * 4 * piece.stride + (input % 4) : input;
  const [fileOutput, fileInput] = tensor.order === "out,in" ? [tensor.inputs, 1] : [1, tensor.outputs];
  const ownOutput = isInterleaved ? 4 : inputs ? 4 * inputs.vectors : 1;
  return {
    file: {
      outputs: Int32Array.from(
        present,
        (index) => fileOutput * (outputAt(first - firstOutput + index) - (rows?.first ?? 0)),
      ),
      inputs: list(inputCount, (index) => fileInput * index),
    },
    own: {
      outputs: Int32Array.from(present, (index) => ownOutput * placeIn(outputs, first - piece.first + index)),
      inputs: list(inputCount, (index) => (inputs ? inputPlace(placeIn(inputs, index)) : 0)),
    },
  };
}

function list(length: number, place: (index: number) => number): Int32Array {
  return Int32Array.from({ length }, (_, index) => place(index));
}

function move(from: Float32Array, source: Places, to: Float32Array, target: Places): void {
  const [outputs, inputs] = [source.outputs.length, source.inputs.length];
  for (let outputBlock = 0; outputBlock < outputs; outputBlock += BLOCK) {
    const outputEnd = Math.min(outputBlock + BLOCK, outputs);
    for (let inputBlock = 0; inputBlock < inputs; inputBlock += BLOCK) {
      const inputEnd = Math.min(inputBlock + BLOCK, inputs);
      for (let output = outputBlock; output < outputEnd; output++) {
        const [read, write] = [source.outputs[output]!, target.outputs[output]!];
        for (let input = inputBlock; input < inputEnd; input++)
          to[write + target.inputs[input]!] = from[read + source.inputs[input]!]!;
      }
    }
  }
}
