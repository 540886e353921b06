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

/** Values that take `steps` steps of some float32 operations each, every one from the result of the last. */
export function float32Steps(steps: number): Tolerance {
  return { rtol: 1e-6 * steps, atol: 1e-6 * steps };
}

/** A float32 sum of `count` positive terms: nothing cancels, so that the error is a part of the sum. */
export function positiveFloat32Sum(count: number): Tolerance {
  return { rtol: 1e-7 * Math.sqrt(Math.max(count, 16)), atol: 0 };
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

/**
 * Gradients of attention in float32. A weight is wrong by its score's error, relatively, and so is what it multiplies: for
 * values the gradients that come back, for queries and keys the products of these with values, times the other side. Sizes
 * are root mean squares.
 */
export function float32AttentionGradient(sentence: {
  q: Float32Array;
  k: Float32Array;
  v: Float32Array;
  dY: Float32Array;
  D: number;
}): { dQ: Tolerance; dK: Tolerance; dV: Tolerance } {
  const { q, k, v, dY, D } = sentence;
  const [sizeQ, sizeK, sizeV, sizeY] = [q, k, v, dY].map(rootMeanSquare) as [number, number, number, number];
  // The score's own scale of 1/√D cancels the √D of its sum; four deviations for the largest.
  const relative = 1e-6 * (Math.sqrt(D) + 4 * sizeQ * sizeK);
  const product = sizeY * sizeV;
  const tolerance = (size: number): Tolerance => ({ rtol: relative, atol: relative * size });
  return {
    dQ: tolerance(product * sizeK),
    dK: tolerance(product * sizeQ),
    dV: tolerance(sizeY),
  };
}

function rootMeanSquare(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

/** A norm in float32: the mean is wrong by |mean|·6e-8, which counts in units of the row's deviation. */
export function float32Norm(C: number, mean: number, deviation: number): Tolerance {
  const limit = 1e-6 * (Math.sqrt(C) + Math.abs(mean) / deviation);
  return { rtol: limit, atol: limit };
}

/**
 * Gradients through a norm in float32: like the norm, in units of what the row's gradient comes to, its size over the row's
 * deviation.
 */
export function float32NormGradient(C: number, mean: number, deviation: number, size: number): Tolerance {
  const limit = float32Norm(C, mean, deviation).rtol;
  return { rtol: limit, atol: (limit * size) / deviation };
}

/**
 * Softmax in float32: logits differ by up to `range`, each difference wrong by 6e-8 of it, which is the relative error of its
 * exponential. `scale` multiplies the result.
 */
export function float32Softmax(range: number, scale: number): Tolerance {
  const limit = 1e-6 + 1e-7 * range;
  return { rtol: limit, atol: limit * scale };
}

/** Activations inside a float32 model against another implementation: a few reductions deep. */
export const modelStage: Tolerance = { rtol: 1e-5, atol: 1e-5 };

/** Logits of a float32 model: reductions through all layers, values up to about 30. */
export const modelLogits: Tolerance = { rtol: 1e-4, atol: 1e-4 };

/** A whole model's gradient in units of a tensor's largest element: reductions over all rows and through all layers. */
export const modelGradient: Tolerance = { rtol: 1e-4, atol: 1e-4 };

/** A gradient in f32 against differences of a float64 loss, where gradients are around 1e-2. */
export const gradientByDifferences: Tolerance = { rtol: 1e-3, atol: 1e-5 };

/** A mean loss in nats over thousands of tokens. */
export const heldOutLoss: Tolerance = { rtol: 0, atol: 1e-4 };

/** Logits of the embedded model, whose weights are rounded to float16, against those of its float32 form. */
export const embeddedModel: Tolerance = { rtol: 0, atol: 1e-2 };

/** Anything stored as float16: a rounding of 5e-4 per value, through a few reductions. */
export const float16: Tolerance = { rtol: 1e-2, atol: 1e-2 };

/**
 * A sum of products in f16, 16 at a time, in units of Σ|x·w|: 16 products, 16 sums and the inputs are each rounded by up to
 * 2^-11 of what they are, which is no more than that; the activation stretches an error by up to 1.13.
 */
export const float16Products: Tolerance = { rtol: 0, atol: 1.13 * 33 * 2 ** -11 };

/** Numbers that were published rounded to `decimals` places after the point. */
export function roundedTo(decimals: number): Tolerance {
  return { rtol: 0, atol: 0.51 * 10 ** -decimals };
}

/**
 * Logits of small models of one or two layers against float64 over the same weights: float32 stays below 2e-5 of the row's root
 * mean square, and the smallest mistake of a reader (the exact GELU for the other) costs 7e-4.
 */
export function ggufModel(rows: ArrayLike<number>): Tolerance {
  let squares = 0;
  for (let index = 0; index < rows.length; index++) squares += rows[index]! ** 2;
  return { rtol: 0, atol: oracleRows * Math.sqrt(squares / rows.length) };
}

/**
 * The largest error of a row of logits against float64, in units of the row's root mean square: reductions through a few layers
 * in float32. An epsilon that is ten times too large costs 2e-5, another activation or rotation far more.
 */
export const oracleRows = 3e-5;

/** The largest error of a number in the last rows of an encoder, whose norms make them about 1. */
export const encoderRows = 1e-5;

/** As `encoderRows`, through six layers without a norm behind them: PyTorch's own float32 is off by 1.26e-5 there. */
export const deepEncoderRows = 2e-5;

/**
 * Logits of up to 42 of a model of 30 layers against float64: a float32 implementation of others is off by 2e-5 to 1e-4, and two
 * ways of summing may be off on either side.
 */
export const thirtyLayers: Tolerance = { rtol: 0, atol: 3e-4 };

/** The same of a float64 forward pass, against float64 that was rounded to float32. */
export const float64Rows = 1e-6;

/**
 * Log-probabilities of small models with keys and values in f16, against float64 that rounds them too. Float32 is wrong by 1e-7 of a
 * number, so one in some thousand falls to the other side of the middle between two halves, and is then wrong by 2^-11: 5e-4 was
 * the largest error of four decoders, where 3.5e-3 was that of all roundings.
 */
export const halfCacheRounded = 1e-3;

/** The same against float64 that rounds nothing: 2^-11 of every key and value, through attention of a few layers. */
export const halfCacheUnrounded = 1e-2;

/** The largest error of a logit of a head of an encoder, of size up to about 4: its rows' error through one or two products. */
export const headLogits = 1e-5;
