// Derivatives by differences, without formulas: gradients are checked against them.

/** Over this distance neither powers above the fourth nor rounding errors matter for the functions in the tests. */
const step = 1e-3;

/**
 * The derivative of `f` by each entry of `at` (or by the given ones), from four values around it:
 * (8·(f(x + h) − f(x − h)) − (f(x + 2h) − f(x − 2h))) / 12h, wrong by O(h⁴).
 */
export function centralDifferences(
  f: (x: Float64Array) => number,
  at: ArrayLike<number>,
  entries: readonly number[] = Array.from({ length: at.length }, (_, entry) => entry),
): number[] {
  const x = new Float64Array(at);
  return entries.map((entry) => {
    const centre = x[entry]!;
    const valueAt = (offset: number): number => {
      x[entry] = centre + offset;
      return f(x);
    };
    const near = valueAt(step) - valueAt(-step);
    const far = valueAt(2 * step) - valueAt(-2 * step);
    x[entry] = centre;
    return (8 * near - far) / (12 * step);
  });
}

/** Σ a·b: a loss whose gradient by b is a. */
export function dotProduct(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!;
  return sum;
}
