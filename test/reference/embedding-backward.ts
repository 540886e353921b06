// Gradients of token and position embedding in float64.

/**
 * Each row of dX (T, C) goes to the row of its token in dTokenTable (V, C) and to that of its position in dPositionTable
 * (positions, C); rows that nobody looked up stay 0.
 */
export function embeddingBackward(inputs: {
  ids: readonly number[];
  dX: ArrayLike<number>;
  C: number;
  V: number;
  positions: number;
  firstPosition?: number;
}): { dTokenTable: Float64Array; dPositionTable: Float64Array } {
  const { ids, dX, C, V, positions, firstPosition = 0 } = inputs;
  const dTokenTable = new Float64Array(V * C);
  const dPositionTable = new Float64Array(positions * C);
  for (const [t, id] of ids.entries())
    for (let c = 0; c < C; c++) {
      dTokenTable[id * C + c]! += dX[t * C + c]!;
      dPositionTable[(firstPosition + t) * C + c]! += dX[t * C + c]!;
    }
  return { dTokenTable, dPositionTable };
}
