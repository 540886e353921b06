// The rows that a step may have: fitted to how long steps took, and always within bounds.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StepBudget } from "../../../src/schedule/steps/step-budget.js";
import { SeededRandom } from "../../helpers/random.js";

const bounds = { least: 16, most: 256, stallFactor: 1.75 };

/** A budget that saw steps of `sizes` rows on a machine where they last fixedMs + rows · rowMs. */
function observed(fixedMs: number, rowMs: number, sizes: readonly number[]): StepBudget {
  const budget = new StepBudget(bounds);
  for (const rows of sizes) budget.observe(rows, fixedMs + rows * rowMs);
  return budget;
}

describe("StepBudget", () => {
  it("finds the line through the steps that it saw", () => {
    const { model } = observed(4, 0.05, [10, 64, 200, 31, 128]);
    expect(model!.fixedMs).toBeCloseTo(4, 9);
    expect(model!.rowMs).toBeCloseTo(0.05, 9);
  });

  it("finds it through noise", () => {
    const random = new SeededRandom(3);
    const budget = new StepBudget(bounds);
    for (let step = 0; step < 400; step++) {
      const rows = 1 + random.integer(256);
      budget.observe(rows, (6 + rows * 0.1) * (0.9 + 0.2 * random.uniform()));
    }
    expect(budget.model!.fixedMs).toBeGreaterThan(4);
    expect(budget.model!.fixedMs).toBeLessThan(8);
    expect(budget.model!.rowMs).toBeGreaterThan(0.08);
    expect(budget.model!.rowMs).toBeLessThan(0.12);
  });

  it("forgets how steps were before the machine became slower", () => {
    const random = new SeededRandom(4);
    const budget = new StepBudget(bounds);
    for (const rowMs of [0.05, 0.4])
      for (let step = 0; step < 300; step++) {
        const rows = 1 + random.integer(256);
        budget.observe(rows, 5 + rows * rowMs);
      }
    expect(budget.model!.rowMs).toBeCloseTo(0.4, 2);
  });

  it("gives prompts as many rows as stall decodes by the factor", () => {
    const decodes = 8;
    const rows = observed(10.2, 0.5, [8, 40, 100]).rows(decodes);
    const alone = 10.2 + decodes * 0.5;
    expect(10.2 + rows * 0.5).toBeLessThanOrEqual(bounds.stallFactor * alone);
    // One row more would be too many.
    expect(10.2 + (rows + 1) * 0.5).toBeGreaterThan(bounds.stallFactor * alone);
  });

  it("knows no line before it has seen steps of different sizes, and none that makes no sense", () => {
    expect(new StepBudget(bounds).model).toBeUndefined();
    expect(observed(5, 0.1, [32, 32, 32, 32]).model).toBeUndefined();
    expect(observed(50, -0.1, [10, 100, 200]).model).toBeUndefined();
    expect(observed(-5, 0.3, [100, 200]).model).toBeUndefined();
  });

  it("allows the most where nothing decodes and nobody else waits", () => {
    expect(new StepBudget(bounds).rows(0)).toBe(bounds.most);
    expect(observed(1, 10, [1, 2, 3]).rows(0, 1)).toBe(bounds.most);
  });

  it("keeps steps short where several prompts share them", () => {
    expect(observed(10.2, 0.5, [8, 40, 100]).rows(0, 2)).toBe(40);
    expect(new StepBudget(bounds).rows(0, 2)).toBe(32);
  });

  it("keeps steps within a time, also where no line fits what it saw", () => {
    const within = (mostMs: number): StepBudget => new StepBudget({ ...bounds, mostMs });
    expect(within(10).rows(0)).toBe(bounds.least);
    const fitted = within(30.3);
    for (const rows of [8, 40, 100]) fitted.observe(rows, 10.2 + 0.5 * rows);
    expect(fitted.rows(0)).toBe(40);
    // The more rows, the less time: no line, but half a millisecond per row on the whole.
    const odd = within(12);
    odd.observe(8, 30);
    odd.observe(120, 34);
    odd.observe(100, 20);
    expect(odd.model).toBeUndefined();
    expect(odd.rows(0)).toBeGreaterThan(20);
    expect(odd.rows(0)).toBeLessThan(60);
  });

  it("keeps its bounds whatever it saw", () => {
    const step = fc.tuple(fc.integer({ min: 1, max: 256 }), fc.double({ min: 0, max: 1e5, noNaN: true }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 300 }), (steps, decodes) => {
        const budget = new StepBudget(bounds);
        for (const [rows, elapsedMs] of steps) budget.observe(rows, elapsedMs);
        const rows = budget.rows(decodes);
        expect(Number.isInteger(rows)).toBe(true);
        expect(rows).toBeGreaterThanOrEqual(bounds.least);
        expect(rows).toBeLessThanOrEqual(bounds.most);
      }),
    );
  });
});
