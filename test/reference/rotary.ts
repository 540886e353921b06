// Rotary positions in float64: https://arxiv.org/abs/2104.09864, with the two numbers of a pair side by side.

export interface RotaryInputs {
  /** (rows, heads, D). */
  readonly x: ArrayLike<number>;
  readonly heads: number;
  readonly D: number;
  /** The position of each row. */
  readonly positions: readonly number[];
  /** Radians per token, of each pair that is turned. */
  readonly frequencies: readonly number[];
  readonly factor: number;
}

/** factor · (x₂ᵢ·cos − x₂ᵢ₊₁·sin, x₂ᵢ₊₁·cos + x₂ᵢ·sin) of the angle position · frequencies[i]; the rest of a head as it is. */
export function rotaryForward(inputs: RotaryInputs): Float64Array {
  return turn(inputs, 1);
}

/** The gradient of x from that of the result, which is given as x: the same with the angles reversed. */
export function rotaryBackward(inputs: RotaryInputs): Float64Array {
  return turn(inputs, -1);
}

function turn(
  { x, heads, D, positions, frequencies, factor }: RotaryInputs,
  direction: number,
): Float64Array {
  const result = Float64Array.from(x);
  for (const [row, position] of positions.entries())
    for (let head = 0; head < heads; head++)
      for (const [pair, frequency] of frequencies.entries()) {
        const at = (row * heads + head) * D + 2 * pair;
        const angle = direction * position * frequency;
        const [c, s] = [factor * Math.cos(angle), factor * Math.sin(angle)];
        result[at] = x[at]! * c - x[at + 1]! * s;
        result[at + 1] = x[at + 1]! * c + x[at]! * s;
      }
  return result;
}
