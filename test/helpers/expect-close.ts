// Compares lists of numbers within a tolerance. NaN never passes unless it is expected.
import type { Tolerance } from "./tolerances.js";

/** Fails unless every number of `actual` is within `tolerance` of its counterpart; NaN and infinities must agree. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol, atol }: Tolerance,
): void {
  if (actual.length !== expected.length) {
    throw new Error(`expected ${expected.length} numbers, received ${actual.length}`);
  }
  let worstRatio = 0;
  let worstIndex = -1;
  let failures = 0;
  for (let index = 0; index < expected.length; index++) {
    const received = actual[index]!;
    const wanted = expected[index]!;
    if (!Number.isFinite(received) || !Number.isFinite(wanted)) {
      if (Object.is(received, wanted)) continue;
      throw new Error(`[${index}]: expected ${wanted}, received ${received}`);
    }
    const difference = Math.abs(received - wanted);
    const limit = atol + rtol * Math.abs(wanted);
    if (!(difference <= limit)) failures++;
    const ratio = difference === 0 ? 0 : difference / limit;
    if (ratio > worstRatio) {
      worstRatio = ratio;
      worstIndex = index;
    }
  }
  if (failures === 0) return;
  throw new Error(
    `[${worstIndex}]: expected ${expected[worstIndex]}, received ${actual[worstIndex]}: ` +
      `${worstRatio.toPrecision(3)} times the limit (rtol ${rtol}, atol ${atol}); ` +
      `${failures} of ${expected.length} numbers are beyond it`,
  );
}
