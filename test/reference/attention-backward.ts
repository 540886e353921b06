// Gradients of one sentence's attention in float64, by the full table of probabilities.
import { keysSeen, type AttentionRule } from "./attention.js";

/**
 * Per head, with S = scale·q·kᵀ, P = softmax(S) and y = P·v:
 *   dV = Pᵀ·dY;  dP = dY·vᵀ;  the scores' dS = P∘(dP − Σ over keys of P∘dP);  dQ = scale·dS·k;  dK = scale·dSᵀ·q.
 * With a cap, P = softmax(cap·tanh(S/cap)), and dS is multiplied by 1 − tanh²(S/cap).
 * Shapes and positions as in attentionForward; where heads share keys, their gradients add up.
 */
export function attentionBackward(
  inputs: {
    q: ArrayLike<number>;
    k: ArrayLike<number>;
    v: ArrayLike<number>;
    dY: ArrayLike<number>;
    heads: number;
    keyValueHeads?: number;
    D: number;
  } & AttentionRule,
): { dQ: Float64Array; dK: Float64Array; dV: Float64Array } {
  const { q, k, v, dY, heads, keyValueHeads = heads, D, scale = 1 / Math.sqrt(D), cap } = inputs;
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
      const keyRows = keysSeen(inputs, keys - queries + query, keys).map((key) => key * keyWidth + keyColumn);
      const uncapped = keyRows.map((keyRow) => scale * dot(q, row, k, keyRow, D));
      const slopes = uncapped.map((score) => (cap === undefined ? 1 : 1 - Math.tanh(score / cap) ** 2));
      const scores = uncapped.map((score) => (cap === undefined ? score : cap * Math.tanh(score / cap)));
      const largest = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - largest));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const dP = keyRows.map((keyRow) => dot(dY, row, v, keyRow, D));
      const expected = weights.reduce((sum, weight, key) => sum + (weight / total) * dP[key]!, 0);
      for (const [key, keyRow] of keyRows.entries()) {
        const P = weights[key]! / total;
        const dScore = scale * P * (dP[key]! - expected) * slopes[key]!;
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
