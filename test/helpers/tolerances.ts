// Every tolerance of the tests, with its reason. A test body holds none of its own.

/** |actual − expected| may be up to atol + rtol·|expected|. */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** Bits must agree. */
export const exact: Tolerance = { rtol: 0, atol: 0 };

/** One float64 formula against published digits: a few units of 2^-53. */
export const float64Function: Tolerance = { rtol: 1e-15, atol: 1e-15 };

/** Two float64 forward passes whose sums run in different orders. */
export const float64Model: Tolerance = { rtol: 1e-9, atol: 1e-9 };

/**
 * Float64 gradients against central differences over ±2e-3: the formula leaves h⁴ times a fifth derivative, rounding leaves
 * 2^-53/h times the value, of size up to 100 each.
 */
export const centralDifference: Tolerance = { rtol: 1e-9, atol: 1e-9 };

/** Some float32 operations per element, one rounding (6e-8) each. */
export const float32Elementwise: Tolerance = { rtol: 1e-6, atol: 1e-6 };

/**
 * A float32 sum of `count` products of size around 1: rounding errors add like a random walk, √count, and the sum may
 * cancel, so that the limit is mostly absolute.
 */
export function float32Reduction(count: number): Tolerance {
  const limit = 1e-6 * Math.sqrt(Math.max(count, 1));
  return { rtol: limit, atol: limit };
}

/**
 * A float32 chain of `count` additions of terms with root mean square `size`: after n of them the sum is about size·√n and
 * each addition rounds that by up to 6e-8 of it, which adds up to some 3e-8·size·count; ten times that for the few sums that
 * have the largest terms.
 */
export function float32Chain(count: number, size: number): Tolerance {
  return { rtol: 1e-6, atol: 3e-7 * size * Math.max(count, 4) };
}

/**
 * Attention in float32: a score of size s is wrong by about s·6e-8 times the growth of its sum over D products, and the
 * softmax turns an absolute error of a score into a relative one of its weight.
 */
export function float32Attention(D: number, largestScore: number): Tolerance {
  const limit = 1e-6 * (Math.sqrt(D) + largestScore);
  return { rtol: limit, atol: limit };
}

/** A norm in float32: the mean is wrong by |mean|·6e-8, which counts in units of the row's deviation. */
export function float32Norm(C: number, mean: number, deviation: number): Tolerance {
  const limit = 1e-6 * (Math.sqrt(C) + Math.abs(mean) / deviation);
  return { rtol: limit, atol: limit };
}

/** Activations inside a float32 model against another implementation: a few reductions deep. */
export const modelStage: Tolerance = { rtol: 1e-5, atol: 1e-5 };

/** Logits of a float32 model: reductions through all layers, values up to about 30. */
export const modelLogits: Tolerance = { rtol: 1e-4, atol: 1e-4 };

/** A mean loss in nats over thousands of tokens. */
export const heldOutLoss: Tolerance = { rtol: 0, atol: 1e-4 };

/** Logits of the embedded model, whose weights are rounded to float16, against those of its float32 form. */
export const embeddedModel: Tolerance = { rtol: 0, atol: 1e-2 };

/** Anything stored as float16: a rounding of 5e-4 per value, through a few reductions. */
export const float16: Tolerance = { rtol: 1e-2, atol: 1e-2 };

/** Numbers that were published rounded to `decimals` places after the point. */
export function roundedTo(decimals: number): Tolerance {
  return { rtol: 0, atol: 0.51 * 10 ** -decimals };
}
