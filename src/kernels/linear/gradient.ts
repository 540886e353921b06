// What callers need to know about the gradient kernels of linear layers. Imports no shader, so that pages that do not train load
// none.

export type LinearBackwardParam =
  | "firstEntry"
  | "rowCount"
  | "inputVectors"
  | "outputVectors"
  | "gradientStride"
  | "gradientOffset"
  | "outputEntry"
  | "flags";
/** What a dispatch does besides the product. Flags may be combined. */
export const GradientFlag = {
  /** X came out of the model's activation, so multiply by its derivative. For gradients of inputs only. */
  throughActivation: 1,
  /** Add to the gradient, instead of setting it. */
  addToOutput: 2,
  /** Row i of the table has its gradient in row i of dY, instead of in the row that the table lists for it. */
  compactGradient: 4,
} as const;

/** Rows and columns that one invocation computes. */
export const GRADIENT_TILE = 8;

/** The number of invocations that hold the sums of a weight, each of a tile. */
export function weightOwners(inputVectors: number, outputVectors: number): number {
  return Math.ceil((4 * inputVectors) / GRADIENT_TILE) * Math.ceil((4 * outputVectors) / GRADIENT_TILE);
}
