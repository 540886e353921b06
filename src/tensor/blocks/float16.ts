// The value of one float16 by its two bytes: scales of blocks, which are often subnormal.

/** The float16 whose low byte is bytes[at]. Exact. */
export function float16At(bytes: Uint8Array, at: number): number {
  const high = bytes[at + 1]!;
  const exponent = (high >> 2) & 31;
  const mantissa = ((high & 3) << 8) | bytes[at]!;
  const magnitude =
    exponent === 0
      ? mantissa * 2 ** -24
      : exponent === 31
        ? mantissa === 0
          ? Infinity
          : NaN
        : (1024 + mantissa) * 2 ** (exponent - 25);
  return high & 128 ? -magnitude : magnitude;
}
