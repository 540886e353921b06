// Transposes matrices on the host, block by block so that reads and writes both stay in the cache.

const blockEdge = 32;

/** The transpose of `values` (rows, columns), row-major: a new array (columns, rows). */
export function transposeMatrix(
  values: Float32Array,
  rows: number,
  columns: number,
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(rows * columns);
  for (let rowBegin = 0; rowBegin < rows; rowBegin += blockEdge) {
    const rowEnd = Math.min(rowBegin + blockEdge, rows);
    for (let columnBegin = 0; columnBegin < columns; columnBegin += blockEdge) {
      const columnEnd = Math.min(columnBegin + blockEdge, columns);
      for (let row = rowBegin; row < rowEnd; row++) {
        for (let column = columnBegin; column < columnEnd; column++) {
          result[column * rows + row] = values[row * columns + column]!;
        }
      }
    }
  }
  return result;
}
