// Attention of one sentence in float64, by the full table of scores.

/** What a query sees, and what becomes of its scores. */
export interface AttentionRule {
  readonly causal: boolean;
  /** Default: 1/√D. */
  readonly scale?: number;
  /** A query sees this many keys: its own is the last of them if causal, else the middle one. */
  readonly window?: number | undefined;
  /** Scores s become cap·tanh(s/cap). */
  readonly cap?: number | undefined;
}

/** The keys that the query at `position` sees, of `keys` that there are. */
export function keysSeen({ causal, window }: AttentionRule, position: number, keys: number): number[] {
  const reach = window ?? Number.POSITIVE_INFINITY;
  return Array.from({ length: keys }, (_, key) => key).filter((key) =>
    causal ? key <= position && key > position - reach : Math.abs(key - position) <= (reach - 1) / 2,
  );
}

/**
 * Per head: softmax(scale·q·kᵀ)·v. q (queries, heads·D) · k and v (keys, keyValueHeads·D) · result (queries, heads·D).
 * The queries are the last of the keys' positions; causal: a query sees the keys up to its own position. With fewer
 * key heads than heads, consecutive heads share one.
 */
export function attentionForward(
  inputs: {
    q: ArrayLike<number>;
    k: ArrayLike<number>;
    v: ArrayLike<number>;
    heads: number;
    keyValueHeads?: number;
    D: number;
  } & AttentionRule,
): Float64Array {
  const { q, k, v, heads, keyValueHeads = heads, D, scale = 1 / Math.sqrt(D), cap } = inputs;
  const queryWidth = heads * D;
  const keyWidth = keyValueHeads * D;
  const queries = q.length / queryWidth;
  const keys = k.length / keyWidth;
  const result = new Float64Array(q.length);
  for (let head = 0; head < heads; head++) {
    const keyColumn = Math.floor((head * keyValueHeads) / heads) * D;
    for (let query = 0; query < queries; query++) {
      const row = query * queryWidth + head * D;
      const seen = keysSeen(inputs, keys - queries + query, keys);
      const scores = Float64Array.from(seen, (key) => {
        let score = 0;
        for (let d = 0; d < D; d++) score += q[row + d]! * k[key * keyWidth + keyColumn + d]!;
        score *= scale;
        return cap === undefined ? score : cap * Math.tanh(score / cap);
      });
      for (const [index, probability] of softmax(scores).entries()) {
        const at = seen[index]! * keyWidth + keyColumn;
        for (let d = 0; d < D; d++) result[row + d]! += probability * v[at + d]!;
      }
    }
  }
  return result;
}

function softmax(scores: Float64Array): Float64Array {
  const maximum = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = scores.map((score) => Math.exp(score - maximum));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}
