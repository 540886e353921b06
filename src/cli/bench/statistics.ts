// Quantiles, and the useful work of a forward pass.

/** The value below which `share` of `values` lie, on a straight line between the two nearest. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)]!;
  const above = sorted[Math.ceil(place)]!;
  return below + (place - Math.floor(place)) * (above - below);
}

export interface Spread {
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: quantile(values, 0.5), p10: quantile(values, 0.1), p90: quantile(values, 0.9) };
}

/** The shape of a model, as far as its work depends on it. */
export interface ModelShape {
  readonly layers: number;
  readonly channels: number;
  readonly hidden: number;
  readonly vocabulary: number;
}

/** The formula of `usefulFlops`, to be shown with figures. */
export const usefulFlopsFormula =
  "2 · Σ over sentences of (L · T · (4C² + 2CF) + L · C · T(T+1) + C · V): linears, causal attention, one head row";

/**
 * The floating point operations that a causal forward pass over sentences of these lengths needs, with logits of the last token
 * of each: two per multiply-add of the linear layers, of scores and weighted sums over each token's own past, and of one row of
 * the head per sentence. Padding, norms and activations are not counted.
 */
export function usefulFlops(shape: ModelShape, lengths: readonly number[]): number {
  const { layers, channels, hidden, vocabulary } = shape;
  const perToken = 4 * channels * channels + 2 * channels * hidden;
  let multiplyAdds = 0;
  for (const length of lengths) {
    // Token i reads i keys and i values of C numbers: C · 2 · T(T+1)/2.
    const attention = channels * length * (length + 1);
    multiplyAdds += layers * (length * perToken + attention) + channels * vocabulary;
  }
  return 2 * multiplyAdds;
}
