// Gradients of the linear layer in float64.
import type { Activation } from "./activation.js";
import { activationDerivatives } from "./activation-backward.js";

/**
 * The gradient of X in Y = X·Wᵀ + bias: dX = dY·W. dY (M, N) · weight (N, K) · result (M, K). Where X = activation(P)
 * elementwise, the gradient of P (M, K): what came back for X, times the activation's slope at P.
 */
export function linearBackwardInput(inputs: {
  dY: ArrayLike<number>;
  weight: ArrayLike<number>;
  activation?: Activation | undefined;
  P?: ArrayLike<number> | undefined;
  N: number;
  K: number;
}): Float64Array {
  const { activation, P, N, K } = inputs;
  const [dY, weight] = [new Float64Array(inputs.dY), new Float64Array(inputs.weight)];
  const M = dY.length / N;
  const dX = new Float64Array(M * K);
  for (let m = 0; m < M; m++)
    for (let n = 0; n < N; n++)
      for (let k = 0; k < K; k++) dX[m * K + k]! += dY[m * N + n]! * weight[n * K + k]!;
  if (!activation) return dX;
  const slope = activationDerivatives[activation];
  return dX.map((value, index) => value * slope(P![index]!));
}

/** The gradients of W and bias in Y = X·Wᵀ + bias: sums over all rows. x (M, K) · dY (M, N) · dWeight (N, K) · dBias (N). */
export function linearBackwardWeight(inputs: {
  x: ArrayLike<number>;
  dY: ArrayLike<number>;
  N: number;
  K: number;
}): { dWeight: Float64Array; dBias: Float64Array } {
  const { N, K } = inputs;
  const [x, dY] = [new Float64Array(inputs.x), new Float64Array(inputs.dY)];
  const dWeight = new Float64Array(N * K);
  const dBias = new Float64Array(N);
  for (let m = 0; m < x.length / K; m++)
    for (let n = 0; n < N; n++) {
      const gradient = dY[m * N + n]!;
      dBias[n]! += gradient;
      for (let k = 0; k < K; k++) dWeight[n * K + k]! += gradient * x[m * K + k]!;
    }
  return { dWeight, dBias };
}
