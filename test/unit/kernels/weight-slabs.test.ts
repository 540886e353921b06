import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutSlabs, mostSlabs } from "../../../src/kernels/linear/weight-slabs.js";

describe("the cut of rows into slabs", () => {
  it("covers all rows, in slabs that begin at multiples of 64", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.integer({ min: 1, max: 50_000 }),
        (rows, owners) => {
          const slabs = cutSlabs(rows, owners);
          expect(slabs.rows % 64).toBe(0);
          expect(slabs.count).toBe(Math.ceil(rows / slabs.rows));
          expect(slabs.count).toBeLessThanOrEqual(mostSlabs(rows, owners));
          // More rows never need more room than the most that was reserved for them.
          expect(mostSlabs(rows, owners)).toBeLessThanOrEqual(mostSlabs(rows + 1, owners));
        },
      ),
    );
  });

  it("is there only where a weight has too few owners, and enough rows", () => {
    expect(cutSlabs(511, 256).count).toBe(1);
    expect(cutSlabs(512, 256)).toEqual({ count: 2, rows: 256 });
    expect(cutSlabs(554, 256)).toEqual({ count: 2, rows: 320 });
    expect(cutSlabs(100_000, 256).count).toBe(32);
    expect(cutSlabs(100_000, 8192).count).toBe(1);
  });
});
