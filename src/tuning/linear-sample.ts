// Samples of linear layers, of the model's own shapes, to measure.
import type { ElementType } from "../gpu/kernel.js";
import type { LinearInput } from "../kernels/linear/linear.js";
import { LinearFlag, type LinearParam } from "../kernels/linear/output.js";
import { gpuFormats, isBlocks, PANEL, placesOf } from "../tensor/blocks/gpu-layout.js";
import type { KernelSample } from "./sample.js";

type Sample = KernelSample<LinearInput | "Y", LinearParam>;

/** Zeros: `rows` rows of a layer between widths given in vec4s. */
export function linearSample(
  rows: number,
  inputVectors: number,
  outputVectors: number,
  element: ElementType,
): Sample {
  const { W, scales } = matrixBytes(inputVectors, outputVectors, element);
  return {
    contents: {
      X: 16 * rows * inputVectors,
      W,
      bias: 16 * outputVectors,
      rowTable: Uint32Array.from({ length: rows }, (_, row) => row),
      scales,
      Y: 16 * rows * outputVectors,
    },
    params: linearParams(rows, inputVectors, outputVectors, LinearFlag.activate | LinearFlag.compactOutput),
  };
}

/** Bytes of a matrix and of its scales. Blocks of 256 inputs are whole. */
export function matrixBytes(
  inputVectors: number,
  outputVectors: number,
  element: ElementType,
): { readonly W: number; readonly scales: number } {
  if (!isBlocks(element))
    return { W: (element === "f32" ? 64 : 32) * inputVectors * outputVectors, scales: 4 };
  const shape = { outputs: 4 * outputVectors, inputs: 256 * Math.ceil(inputVectors / 64), panel: PANEL };
  const { panels, quantWords, scaleWords } = placesOf(gpuFormats[element], shape);
  return { W: 4 * panels * quantWords, scales: 4 * panels * scaleWords };
}

export function linearParams(
  rowCount: number,
  inputVectors: number,
  outputVectors: number,
  flags: number,
): Sample["params"] {
  return {
    firstEntry: 0,
    rowCount,
    inputVectors,
    outputVectors,
    outputStride: outputVectors,
    outputOffset: 0,
    outputEntry: 0,
    flags,
    factor: 1,
  };
}
