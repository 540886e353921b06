// What callers of the gradient kernels of linear layers need to know of them. Holds no shader: a page that does not train loads
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
/** What a dispatch does beside the product; flags may be combined. */
export const GradientFlag = {
  /** Multiply by the derivative of the model's activation, which X came out of. For inputs only. */
  throughActivation: 1,
  /** += instead of =. */
  addToOutput: 2,
  /** Row i of the table has its gradient in row i of dY, instead of in the row that the table lists for it. */
  compactGradient: 4,
} as const;

/** Rows and columns that one invocation computes. */
export const GRADIENT_TILE = 8;

/** Invocations that hold the sums of a weight: a tile each. */
export function weightOwners(inputVectors: number, outputVectors: number): number {
  return Math.ceil((4 * inputVectors) / GRADIENT_TILE) * Math.ceil((4 * outputVectors) / GRADIENT_TILE);
}
