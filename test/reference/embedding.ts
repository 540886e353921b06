// Token and position embedding in float64.

/**
 * Row t = tokenTable[ids[t]] + positionTable[firstPosition + t]. tokenTable (V, C) · positionTable (positions, C) ·
 * result (T, C).
 */
export function embeddingForward(inputs: {
  ids: readonly number[];
  tokenTable: ArrayLike<number>;
  positionTable: ArrayLike<number>;
  C: number;
  firstPosition?: number;
}): Float64Array {
  const { ids, tokenTable, positionTable, C, firstPosition = 0 } = inputs;
  const result = new Float64Array(ids.length * C);
  for (const [t, id] of ids.entries()) {
    for (let c = 0; c < C; c++) {
      result[t * C + c] = tokenTable[id * C + c]! + positionTable[(firstPosition + t) * C + c]!;
    }
  }
  return result;
}
