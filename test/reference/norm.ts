// Norms in float64: https://arxiv.org/abs/1607.06450 by mean and variance, https://arxiv.org/abs/1910.07467 by the mean square.

/**
 * Each row of x (M, C) minus its mean, over its deviation, times weight (C), plus bias (C). Result (M, C).
 * "rms": the mean is not taken off. `offset` is added to every weight.
 */
export function normForward(inputs: {
  x: ArrayLike<number>;
  weight: ArrayLike<number>;
  bias?: ArrayLike<number>;
  C: number;
  epsilon: number;
  method?: "layer" | "rms";
  offset?: number;
}): Float64Array {
  const { x, weight, bias, C, epsilon, method = "layer", offset = 0 } = inputs;
  const result = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += C) {
    let mean = 0;
    if (method === "layer") for (let c = 0; c < C; c++) mean += x[row + c]! / C;
    let variance = 0;
    for (let c = 0; c < C; c++) variance += (x[row + c]! - mean) ** 2 / C;
    const scale = 1 / Math.sqrt(variance + epsilon);
    for (let c = 0; c < C; c++)
      result[row + c] = (x[row + c]! - mean) * scale * (weight[c]! + offset) + (bias?.[c] ?? 0);
  }
  return result;
}
