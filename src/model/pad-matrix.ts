// Re-lays matrices for the kernels: rows and columns moved to padded places, gaps zero.

/** Where index i of a logical axis goes in a padded one. */
export type AxisMap = (index: number) => number;

export const sameIndex: AxisMap = (index) => index;

/** Element d of head h, from H heads of D consecutive elements to heads padded to `headVectors` vec4s each. */
export function headIndex(headWidth: number, headVectors: number): AxisMap {
  return (index) => Math.floor(index / headWidth) * 4 * headVectors + (index % headWidth);
}

export interface MatrixPlacement {
  /** Rows and columns of `values`. */
  readonly rows: number;
  readonly columns: number;
  /** The columns that are taken; all by default. */
  readonly firstColumn?: number;
  readonly columnCount?: number;
  /** Size of the result. */
  readonly paddedRows: number;
  readonly paddedColumns: number;
  readonly rowTo?: AxisMap;
  readonly columnTo?: AxisMap;
}

/** A zero matrix with the taken columns of `values` at their padded places, row-major. */
export function placeMatrix(
  values: Float32Array<ArrayBuffer>,
  placement: MatrixPlacement,
): Float32Array<ArrayBuffer> {
  const { rows, columns, firstColumn = 0, columnCount = columns, paddedRows, paddedColumns } = placement;
  const { rowTo = sameIndex, columnTo = sameIndex } = placement;
  const isWhole = columnCount === columns && rows === paddedRows && columns === paddedColumns;
  if (isWhole && rowTo === sameIndex && columnTo === sameIndex) return values;
  const placed = new Float32Array(paddedRows * paddedColumns);
  const target = Int32Array.from({ length: columnCount }, (_, column) => columnTo(column));
  for (let row = 0; row < rows; row++) {
    const from = row * columns + firstColumn;
    const to = rowTo(row) * paddedColumns;
    for (let column = 0; column < columnCount; column++)
      placed[to + target[column]!] = values[from + column]!;
  }
  return placed;
}
