// How large the key-value cache is made.
import { describe, expect, it } from "vitest";
import { growRoom, type CacheBounds } from "../../../src/runtime/generate/cache-room.js";

const bounds: CacheBounds = {
  pageBytes: 10,
  slotBytes: 30,
  budgetBytes: 4000,
  context: { pages: 100, slots: 20 },
  most: { pages: 500, slots: 100 },
};
const current = { pages: 40, slots: 10 };

describe("growing a cache", () => {
  it("leaves it as it is while there is enough", () => {
    expect(growRoom(bounds, current, { pages: 40, slots: 10 }, { pages: 5, slots: 5 })).toEqual(current);
  });

  it("grows only what is needed, by at least a half", () => {
    expect(growRoom(bounds, current, { pages: 41, slots: 9 }, { pages: 5, slots: 5 })).toEqual({
      pages: 60,
      slots: 10,
    });
    expect(growRoom(bounds, current, { pages: 90, slots: 12 }, { pages: 5, slots: 5 })).toEqual({
      pages: 90,
      slots: 15,
    });
  });

  it("stays within its budget, and within what all requests could use", () => {
    const grown = growRoom(bounds, current, { pages: 400, slots: 90 }, { pages: 5, slots: 5 });
    expect(grown.pages).toBeGreaterThan(40);
    expect(grown.slots).toBeGreaterThan(10);
    expect(10 * grown.pages + 30 * grown.slots).toBeLessThanOrEqual(4000);
    const rich = { ...bounds, budgetBytes: 1e9 };
    expect(growRoom(rich, current, { pages: 9000, slots: 9000 }, { pages: 5, slots: 5 })).toEqual(
      bounds.most,
    );
  });

  it("makes room for one context, whatever the budget is", () => {
    const poor = { ...bounds, budgetBytes: 1 };
    const largest = bounds.context;
    expect(growRoom(poor, current, largest, largest)).toEqual(largest);
    // Also where many short texts have taken the slots.
    const crowded = { pages: 40, slots: 53 };
    expect(growRoom(poor, crowded, { pages: 140, slots: 70 }, largest)).toEqual({ pages: 100, slots: 53 });
  });

  it("has no slots where no layer has a window", () => {
    const whole = {
      ...bounds,
      slotBytes: 0,
      context: { pages: 100, slots: 0 },
      most: { pages: 500, slots: 0 },
    };
    const grown = growRoom(whole, { pages: 40, slots: 0 }, { pages: 450, slots: 0 }, { pages: 5, slots: 0 });
    expect(grown).toEqual({ pages: 400, slots: 0 });
  });
});
