// The helpers that every other numeric test trusts.
import { describe, expect, it } from "vitest";
import { expectClose } from "../../helpers/expect-close.js";
import { randomFloats, SeededRandom } from "../../helpers/random.js";
import { exact, type Tolerance } from "../../helpers/tolerances.js";

const loose: Tolerance = { rtol: 0.25, atol: 0.5 };

describe("expectClose", () => {
  it("accepts what lies on the limit atol + rtol·|expected|, and refuses what lies beyond", () => {
    expectClose([5.5, -5.5, 0.5], [4, -4, 0], loose);
    expect(() => expectClose([5.75], [4], loose)).toThrow(
      "[0]: expected 4, received 5.75: 1.17 times the limit (rtol 0.25, atol 0.5); 1 of 1 numbers are beyond it",
    );
    expect(() => expectClose([1 + Number.EPSILON], [1], exact)).toThrow("Infinity times the limit");
  });

  it("reports the worst number, not the first", () => {
    expect(() => expectClose([2, 0, 9], [0, 0, 0], loose)).toThrow(
      /^\[2\]: expected 0, received 9: 18\.0 times .* 2 of 3/,
    );
  });

  it("refuses NaN and infinities unless they are expected, and anything in their place", () => {
    expectClose([Number.NaN, Infinity, -Infinity], [Number.NaN, Infinity, -Infinity], exact);
    for (const [actual, expected] of [
      [Number.NaN, 1],
      [1, Number.NaN],
      [Infinity, 1],
      [1, Infinity],
      [Infinity, -Infinity],
      [Number.NaN, Infinity],
    ] as const) {
      const call = (): void => expectClose([0, actual], [0, expected], { rtol: Infinity, atol: Infinity });
      expect(call).toThrow(`[1]: expected ${expected}, received ${actual}`);
    }
  });

  it("refuses lists of different lengths", () => {
    expect(() => expectClose([1], [1, 2], loose)).toThrow("expected 2 numbers, received 1");
    expect(() => expectClose([1, 2], [], loose)).toThrow("expected 0 numbers, received 2");
  });
});

describe("random numbers", () => {
  it("are the same for the same seed and differ for another", () => {
    expect(randomFloats(3, 100)).toEqual(randomFloats(3, 100));
    expect(randomFloats(3, 100)).not.toEqual(randomFloats(4, 100));
  });

  it("have both signs and sizes that vary by orders of magnitude", () => {
    const values = randomFloats(5, 10_000, 0.5);
    const sizes = values.map(Math.abs).toSorted();
    const negative = values.filter((value) => value < 0).length;
    expect(Math.abs(negative - 5000)).toBeLessThan(200);
    expect(sizes[5000]! / sizes[500]!).toBeGreaterThan(10);
    expect(sizes[9900]! / sizes[5000]!).toBeGreaterThan(10);
  });

  it("are uniform and normal as they claim", () => {
    const random = new SeededRandom(1);
    const uniform = Array.from({ length: 10_000 }, () => random.uniform());
    const normal = Array.from({ length: 10_000 }, () => random.normal());
    const whole = Array.from({ length: 100 }, () => random.integer(4));
    // Ten thousand draws: means within four standard errors.
    expect(Math.abs(mean(uniform) - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / 10_000));
    expect(Math.abs(mean(normal))).toBeLessThan(0.04);
    expect(Math.abs(mean(normal.map((value) => value ** 2)) - 1)).toBeLessThan(4 * Math.sqrt(2 / 10_000));
    expect(new Set(whole)).toEqual(new Set([0, 1, 2, 3]));
  });
});

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b) / values.length;
}
