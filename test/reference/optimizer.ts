// Steps of optimizers in float64, on one list of numbers. Each gives new values and changes none.

/** √ of the sum of all squares of all lists. */
export function globalNorm(gradients: readonly ArrayLike<number>[]): number {
  let sum = 0;
  for (const gradient of gradients)
    for (let index = 0; index < gradient.length; index++) sum += gradient[index]! ** 2;
  return Math.sqrt(sum);
}

/** What gradients are multiplied by so that their norm stays below maxNorm, as PyTorch's clip_grad_norm_ has it. */
export function clipFactor(norm: number, maxNorm: number): number {
  return Math.min(1, maxNorm / (norm + 1e-6));
}

/**
 * AdamW, algorithm 2 of https://arxiv.org/abs/1711.05101 with a schedule of rates: moving averages m of the gradient and v
 * of its square, both freed of their bias towards 0 at `step` (from 1), and a decay of the weights themselves:
 *   w ← w − rate·(m̂ / (√v̂ + ε) + decay·w).
 */
export function adamwStep(inputs: {
  weight: ArrayLike<number>;
  gradient: ArrayLike<number>;
  first: ArrayLike<number>;
  second: ArrayLike<number>;
  step: number;
  rate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  decay: number;
}): { weight: Float64Array; first: Float64Array; second: Float64Array } {
  const { gradient, step, rate, beta1, beta2, epsilon, decay } = inputs;
  const first = Float64Array.from(inputs.first, (m, i) => beta1 * m + (1 - beta1) * gradient[i]!);
  const second = Float64Array.from(inputs.second, (v, i) => beta2 * v + (1 - beta2) * gradient[i]! ** 2);
  const weight = Float64Array.from(inputs.weight, (w, i) => {
    const mean = first[i]! / (1 - beta1 ** step);
    const square = second[i]! / (1 - beta2 ** step);
    return w - rate * (mean / (Math.sqrt(square) + epsilon) + decay * w);
  });
  return { weight, first, second };
}

/**
 * SGD with momentum, where decay is a part of the gradient, as in PyTorch's documentation without dampening:
 *   velocity ← momentum·velocity + gradient + decay·w;  w ← w − rate·velocity.
 */
export function sgdStep(inputs: {
  weight: ArrayLike<number>;
  gradient: ArrayLike<number>;
  velocity: ArrayLike<number>;
  rate: number;
  momentum: number;
  decay: number;
}): { weight: Float64Array; velocity: Float64Array } {
  const { gradient, rate, momentum, decay } = inputs;
  const velocity = Float64Array.from(
    inputs.velocity,
    (v, i) => momentum * v + gradient[i]! + decay * inputs.weight[i]!,
  );
  const weight = Float64Array.from(inputs.weight, (w, i) => w - rate * velocity[i]!);
  return { weight, velocity };
}
