// Linear layer in float64.
import { activations, type Activation } from "./activation.js";

/**
 * Y = activation(X·Wᵀ + bias) + residual. x (M, K) · weight (N, K) · bias (N) · residual (M, N) · result (M, N),
 * all row-major; M follows from x.
 */
export function linearForward(inputs: {
  x: ArrayLike<number>;
  weight: ArrayLike<number>;
  bias?: ArrayLike<number> | undefined;
  residual?: ArrayLike<number> | undefined;
  activation?: Activation | undefined;
  N: number;
  K: number;
}): Float64Array {
  const { bias, residual, activation, N, K } = inputs;
  // One kind of array whatever came in: the loop runs several times as fast.
  const [x, weight] = [new Float64Array(inputs.x), new Float64Array(inputs.weight)];
  const activate = activation ? activations[activation] : (value: number) => value;
  const M = x.length / K;
  const result = new Float64Array(M * N);
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let sum = bias?.[n] ?? 0;
      for (let k = 0; k < K; k++) sum += x[m * K + k]! * weight[n * K + k]!;
      result[m * N + n] = activate(sum) + (residual?.[m * N + n] ?? 0);
    }
  }
  return result;
}
