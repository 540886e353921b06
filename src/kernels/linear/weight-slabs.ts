// Cuts the rows of a weight's gradient into slabs if one owner per tile would leave an adapter idle. Each slab has its own owners
// with partial sums, which a second kernel adds in order.

/**
 * About as many invocations as fill an adapter. It is a constant and not measured, because the cut decides the order of sums, and
 * so the bits, which must depend on shapes alone. It also bounds the partial sums of a weight, to 2 MiB.
 */
const FULL_GRID = 8192;

/**
 * A slab costs a write and a read of the whole weight: fewer rows are not worth that. On SwiftShader with two cores, where
 * every weight has owners enough, 554 rows in two slabs made the gradients of 128 × 512 weights 8 % slower in Chromium, and
 * in nine 35 % in Dawn.
 */
const LEAST_SLAB_ROWS = 256;

/** The kernels sum this many rows before they add them to a total. Slabs begin at multiples of it. */
const ROWS_PER_SUM = 64;

/** How rows are cut. */
export interface Slabs {
  readonly count: number;
  /** Rows of each but the last, which may have fewer. */
  readonly rows: number;
}

/** Returns how to cut `rowCount` rows, for a weight whose sums are held by `owners` invocations. */
export function cutSlabs(rowCount: number, owners: number): Slabs {
  const rows = ROWS_PER_SUM * Math.ceil(rowCount / mostSlabs(rowCount, owners) / ROWS_PER_SUM);
  return { count: Math.ceil(rowCount / rows), rows };
}

/** Returns the most slabs that up to `rowCount` rows are cut into. */
export function mostSlabs(rowCount: number, owners: number): number {
  return Math.max(1, Math.min(Math.floor(FULL_GRID / owners), Math.floor(rowCount / LEAST_SLAB_ROWS)));
}
