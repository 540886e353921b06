import { describe, expect, it } from "vitest";
import { TrainingError } from "../../../src/errors.js";
import { DivergenceWatch } from "../../../src/runtime/train/divergence.js";

/** Checks one loss after the other; answers the step that was refused, or undefined. */
function refusedStep(losses: readonly number[], vocabulary = 1000): number | undefined {
  const watch = new DivergenceWatch(vocabulary);
  for (const [index, loss] of losses.entries()) {
    try {
      watch.check(index + 1, loss, 1);
    } catch (error) {
      expect(error).toBeInstanceOf(TrainingError);
      expect((error as Error).message).toMatch(/^Step \d+: expected .+, received .+\. [A-Z].+\.$/);
      return (error as TrainingError).step;
    }
  }
  return undefined;
}

describe("a run has diverged", () => {
  it("when the loss or the gradient is no finite number", () => {
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      expect(refusedStep([7, bad])).toBe(2);
      expect(() => new DivergenceWatch(1000).check(5, 7, bad)).toThrow("Step 5");
    }
  });

  it("when its loss is far above a uniform guess and its start, three times in a row", () => {
    expect(refusedStep([6.9, 30, 30, 30])).toBe(4);
    expect(refusedStep([2, 29, 1e20, 1e38, 1])).toBe(4);
  });
});

describe("a run goes on", () => {
  it("after a high start that falls, slowly or not", () => {
    expect(refusedStep([300, 299, 310, 298, 400, 297, 250, 100, 7])).toBeUndefined();
  });

  it("through single outliers", () => {
    expect(refusedStep([6.9, 50, 50, 6, 50, 50, 5])).toBeUndefined();
  });

  it("from a small loss back to a uniform guess and three times that", () => {
    expect(refusedStep([0.01, 7, 10, 12, 20, 25, 27])).toBeUndefined();
  });
});
