// Gradients of norms in float64.

/**
 * With n = (x − mean)·s, s = 1/√(variance + ε), w = weight + offset and y = n·w + bias, per row:
 *   dWeight = Σ dY·n and dBias = Σ dY over all rows;
 *   dX = s·(g − mean(g) − n·mean(g·n)) with g = dY·w, since ∂s/∂x = −s²·n/C.
 * "rms": the mean of x counts as 0, and mean(g) is left out. x, dY, dX (M, C) · weight, dWeight, dBias (C).
 */
export function normBackward(inputs: {
  x: ArrayLike<number>;
  dY: ArrayLike<number>;
  weight: ArrayLike<number>;
  C: number;
  epsilon: number;
  method?: "layer" | "rms";
  offset?: number;
}): { dX: Float64Array; dWeight: Float64Array; dBias: Float64Array } {
  const { x, dY, weight, C, epsilon, method = "layer", offset = 0 } = inputs;
  const centres = method === "layer" ? 1 : 0;
  const dX = new Float64Array(x.length);
  const dWeight = new Float64Array(C);
  const dBias = new Float64Array(C);
  const columns = Array.from({ length: C }, (_, c) => c);
  const meanOf = (value: (c: number) => number): number => columns.reduce((sum, c) => sum + value(c), 0) / C;
  for (let row = 0; row < x.length; row += C) {
    const mean = centres * meanOf((c) => x[row + c]!);
    const s = 1 / Math.sqrt(meanOf((c) => (x[row + c]! - mean) ** 2) + epsilon);
    const normal = columns.map((c) => (x[row + c]! - mean) * s);
    const g = columns.map((c) => dY[row + c]! * (weight[c]! + offset));
    const meanG = centres * meanOf((c) => g[c]!);
    const meanGn = meanOf((c) => g[c]! * normal[c]!);
    for (const c of columns) {
      dX[row + c] = s * (g[c]! - meanG - normal[c]! * meanGn);
      dWeight[c]! += dY[row + c]! * normal[c]!;
      dBias[c]! += dY[row + c]!;
    }
  }
  return { dX, dWeight, dBias };
}
