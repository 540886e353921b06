// Gradients of one sentence's attention in float64, by the full table of probabilities.

/**
 * Per head, with P = softmax(q·kᵀ/√D) and y = P·v:
 *   dV = Pᵀ·dY;  dP = dY·vᵀ;  the scores' dS = P∘(dP − Σ over keys of P∘dP);  dQ = dS·k/√D;  dK = dSᵀ·q/√D.
 * Shapes and positions as in attentionForward; where heads share keys, their gradients add up.
 */
export function attentionBackward(inputs: {
  q: ArrayLike<number>;
  k: ArrayLike<number>;
  v: ArrayLike<number>;
  dY: ArrayLike<number>;
  heads: number;
  keyValueHeads?: number;
  D: number;
  causal: boolean;
}): { dQ: Float64Array; dK: Float64Array; dV: Float64Array } {
  const { q, k, v, dY, heads, keyValueHeads = heads, D, causal } = inputs;
  const queryWidth = heads * D;
  const keyWidth = keyValueHeads * D;
  const queries = q.length / queryWidth;
  const keys = k.length / keyWidth;
  const dQ = new Float64Array(q.length);
  const dK = new Float64Array(k.length);
  const dV = new Float64Array(v.length);
  for (let head = 0; head < heads; head++) {
    const keyColumn = Math.floor((head * keyValueHeads) / heads) * D;
    for (let query = 0; query < queries; query++) {
      const row = query * queryWidth + head * D;
      const visible = causal ? keys - queries + query + 1 : keys;
      const keyRows = Array.from({ length: visible }, (_, key) => key * keyWidth + keyColumn);
      const scores = keyRows.map((keyRow) => dot(q, row, k, keyRow, D) / Math.sqrt(D));
      const largest = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - largest));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const dP = keyRows.map((keyRow) => dot(dY, row, v, keyRow, D));
      const expected = weights.reduce((sum, weight, key) => sum + (weight / total) * dP[key]!, 0);
      for (const [key, keyRow] of keyRows.entries()) {
        const P = weights[key]! / total;
        const dScore = (P * (dP[key]! - expected)) / Math.sqrt(D);
        for (let d = 0; d < D; d++) {
          dV[keyRow + d]! += P * dY[row + d]!;
          dQ[row + d]! += dScore * k[keyRow + d]!;
          dK[keyRow + d]! += dScore * q[row + d]!;
        }
      }
    }
  }
  return { dQ, dK, dV };
}

function dot(a: ArrayLike<number>, atA: number, b: ArrayLike<number>, atB: number, count: number): number {
  let sum = 0;
  for (let index = 0; index < count; index++) sum += a[atA + index]! * b[atB + index]!;
  return sum;
}
