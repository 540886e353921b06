// Attention of one sentence in float64, by the full table of scores.

/**
 * Per head: softmax(q·kᵀ / √D)·v. q (queries, heads·D) · k and v (keys, keyValueHeads·D) · result (queries, heads·D).
 * The queries are the last of the keys' positions; causal: a query sees the keys up to its own position. With fewer
 * key heads than heads, consecutive heads share one.
 */
export function attentionForward(inputs: {
  q: ArrayLike<number>;
  k: ArrayLike<number>;
  v: ArrayLike<number>;
  heads: number;
  keyValueHeads?: number;
  D: number;
  causal: boolean;
}): Float64Array {
  const { q, k, v, heads, keyValueHeads = heads, D, causal } = inputs;
  const queryWidth = heads * D;
  const keyWidth = keyValueHeads * D;
  const queries = q.length / queryWidth;
  const keys = k.length / keyWidth;
  const result = new Float64Array(q.length);
  for (let head = 0; head < heads; head++) {
    const keyColumn = Math.floor((head * keyValueHeads) / heads) * D;
    for (let query = 0; query < queries; query++) {
      const row = query * queryWidth + head * D;
      const visibleKeys = causal ? keys - queries + query + 1 : keys;
      const scores = new Float64Array(visibleKeys);
      for (let key = 0; key < visibleKeys; key++) {
        let score = 0;
        for (let d = 0; d < D; d++) score += q[row + d]! * k[key * keyWidth + keyColumn + d]!;
        scores[key] = score / Math.sqrt(D);
      }
      for (const [key, probability] of softmax(scores).entries()) {
        for (let d = 0; d < D; d++) result[row + d]! += probability * v[key * keyWidth + keyColumn + d]!;
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
