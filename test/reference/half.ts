// The nearest f16 of a number, by arithmetic on its value.

/** The largest finite half. */
const LARGEST = 65504;

/**
 * The half that is nearest to x, ties to the one whose last bit is 0. Finite numbers beyond the largest half become it. x has at
 * most the 24 bits of a float32.
 */
export function roundToHalf(x: number): number {
  if (!Number.isFinite(x) || x === 0) return x;
  // Halves have 11 bits from 2^-14 on, and are multiples of 2^-24 below.
  const size = Math.abs(x);
  const unit = 2 ** (Math.max(-14, Math.floor(Math.log2(size))) - 10);
  const below = Math.floor(size / unit);
  const rest = size / unit - below;
  const isUp = rest > 0.5 || (rest === 0.5 && below % 2 !== 0);
  return (x < 0 ? -1 : 1) * Math.min(LARGEST, (below + (isUp ? 1 : 0)) * unit);
}
