// A weight's gradient where one owner per tile would leave an adapter idle: rows are cut into slabs, each with owners of
// its own for partial sums, which a second kernel adds in order.

/**
 * Invocations that fill an adapter, more or less. A constant, not a measurement: the cut decides the order of sums, and so
 * the bits, which must depend on shapes alone. It also bounds the partial sums of a weight, to 2 MiB.
 */
const FULL_GRID = 8192;

/**
 * A slab costs a write and a read of the whole weight: fewer rows are not worth that. On SwiftShader with two cores, where
 * every weight has owners enough, 554 rows in two slabs made the gradients of 128 × 512 weights 8 % slower in Chromium, and
 * in nine 35 % in Dawn.
 */
const LEAST_SLAB_ROWS = 256;

/** Rows that the kernels add up before they add them to a total. Slabs begin at multiples of them. */
const ROWS_PER_SUM = 64;

/** How rows are cut. */
export interface Slabs {
  readonly count: number;
  /** Rows of each but the last, which may have fewer. */
  readonly rows: number;
}

/** The cut of `rowCount` rows for a weight whose sums `owners` invocations hold. */
export function cutSlabs(rowCount: number, owners: number): Slabs {
  const rows = ROWS_PER_SUM * Math.ceil(rowCount / mostSlabs(rowCount, owners) / ROWS_PER_SUM);
  return { count: Math.ceil(rowCount / rows), rows };
}

/** No cut of up to `rowCount` rows has more slabs. */
export function mostSlabs(rowCount: number, owners: number): number {
  return Math.max(1, Math.min(Math.floor(FULL_GRID / owners), Math.floor(rowCount / LEAST_SLAB_ROWS)));
}
