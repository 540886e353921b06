// Where losses lie in the picture of a training run.
import { describe, expect, it } from "vitest";
import { layOutCurve } from "../../../src/demo/panels/loss-curve.js";

describe("the curve of the loss", () => {
  it("goes from left to right, and down as the loss falls", () => {
    const { points } = layOutCurve([6, 5, 5, 3], 8);
    const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
    expect(xs).toEqual(xs.toSorted((a, b) => a - b));
    expect(ys[1]).toBeGreaterThan(ys[0]!);
    expect(ys[2]).toBe(ys[1]);
    expect(ys[3]).toBeGreaterThan(ys[2]!);
    // Half of the steps: the middle between the margins.
    expect(xs[3]).toBeCloseTo((44 + 628) / 2, 9);
  });

  it.each([
    [[7.4], [0, 2, 4, 6, 8]],
    [[3.1], [0, 1, 2, 3, 4]],
    [[0.04], [0, 0.01, 0.02, 0.03, 0.04]],
    [[], [0, 1]],
  ])("has round ticks for %j", (losses, ticks) => {
    const received = layOutCurve(losses, 10).ticks.map(({ loss }) => Number(loss.toFixed(9)));
    expect(received).toEqual(ticks);
  });

  it("stays in the picture", () => {
    for (const top of [1e-9, 0.7, 12, 4e6])
      for (const [x, y] of layOutCurve([top, top / 3, 0], 3).points) {
        expect(x).toBeGreaterThan(0);
        expect(x).toBeLessThan(640);
        expect(y).toBeGreaterThanOrEqual(12 - 1e-9);
        expect(y).toBeLessThanOrEqual(200 - 26 + 1e-9);
      }
  });
});
