// Pooling of the rows of a sentence in float64, as sentence-transformers defines it.

export type Pooling = "cls" | "lasttoken" | "max" | "mean" | "mean_sqrt_len_tokens" | "weightedmean";

/** One row of the rows (T, C) of a sentence. The first `skipped` rows count for none but "cls". */
export function pool(rows: ArrayLike<number>, C: number, method: Pooling, skipped: number = 0): Float64Array {
  const T = rows.length / C;
  const at = (token: number, channel: number): number => rows[token * C + channel]!;
  return Float64Array.from({ length: C }, (_, channel) => {
    if (method === "cls") return at(0, channel);
    if (method === "lasttoken") return at(T - 1, channel);
    const own = Array.from({ length: T - skipped }, (__, index) => skipped + index);
    if (method === "max") return Math.max(...own.map((token) => at(token, channel)));
    const weightOf = (token: number): number => (method === "weightedmean" ? token + 1 : 1);
    const sum = own.reduce((total, token) => total + weightOf(token) * at(token, channel), 0);
    const weights = own.reduce((total, token) => total + weightOf(token), 0);
    return sum / (method === "mean_sqrt_len_tokens" ? Math.sqrt(weights) : weights);
  });
}

/** The first `width` numbers of a row, activated, and then divided by their length if asked for; a row of zeros stays so. */
export function finishRow(
  row: ArrayLike<number>,
  options: {
    readonly width: number;
    readonly activate: (x: number) => number;
    readonly normalises: boolean;
  },
): Float64Array {
  const kept = Float64Array.from({ length: options.width }, (_, index) => options.activate(row[index]!));
  if (!options.normalises) return kept;
  const length = Math.max(Math.sqrt(kept.reduce((sum, value) => sum + value * value, 0)), 1e-12);
  return kept.map((value) => value / length);
}
