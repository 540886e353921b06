// Scale and cap of logits in float64: https://arxiv.org/abs/2408.00118.

/** scale · z, or with a cap, cap · tanh(scale · z / cap). */
export function adjustLogits(z: ArrayLike<number>, scale: number, cap: number | undefined): Float64Array {
  return Float64Array.from(z, (own) =>
    cap === undefined ? scale * own : cap * Math.tanh((scale * own) / cap),
  );
}
