// The float64 optimizers against closed forms of what their recursions add up to.
import { describe, expect, it } from "vitest";
import { expectClose } from "../../helpers/expect-close.js";
import { randomFloats } from "../../helpers/random.js";
import { float64Function, float64Model, roundedTo } from "../../helpers/tolerances.js";
import { adamwStep, clipFactor, globalNorm, sgdStep } from "../../reference/optimizer.js";

const options = { rate: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, decay: 0.1 };

describe("adamwStep", () => {
  it("first moves every weight by the rate against its gradient's sign, and decays it", () => {
    const { weight } = adamwStep({
      ...options,
      weight: [1, -2, 3],
      gradient: [1e-3, -50, 0],
      first: [0, 0, 0],
      second: [0, 0, 0],
      step: 1,
    });
    const small = 0.01 * (1e-3 / (1e-3 + 1e-8));
    expectClose(weight, [0.999 - small, -1.998 + 0.01, 2.997], float64Model);
  });

  it("averages gradients with weights that fall off and add up to 1", () => {
    const gradients = [0.5, -1, 2, 0.25];
    let state = {
      weight: [0] as ArrayLike<number>,
      first: [0] as ArrayLike<number>,
      second: [0] as ArrayLike<number>,
    };
    for (const [index, gradient] of gradients.entries())
      state = adamwStep({ ...options, ...state, gradient: [gradient], step: index + 1 });
    const average = (beta: number, power: number): number => {
      const parts = gradients.map((gradient, index) => beta ** (3 - index) * gradient ** power);
      return (1 - beta) * parts.reduce((sum, part) => sum + part, 0);
    };
    expectClose([state.first[0]!, state.second[0]!], [average(0.9, 1), average(0.99, 2)], float64Function);
  });

  it("moves by the rate at every step of a constant gradient", () => {
    let state = {
      weight: [0] as ArrayLike<number>,
      first: [0] as ArrayLike<number>,
      second: [0] as ArrayLike<number>,
    };
    for (let step = 1; step <= 20; step++)
      state = adamwStep({ ...options, epsilon: 0, decay: 0, ...state, gradient: [-3], step });
    expectClose(state.weight, [20 * 0.01], float64Model);
  });
});

describe("sgdStep", () => {
  it("without momentum goes down the gradient", () => {
    const result = sgdStep({
      weight: [1, 2],
      gradient: [10, -20],
      velocity: [0, 0],
      rate: 0.1,
      momentum: 0,
      decay: 0,
    });
    expectClose(result.weight, [0, 4], float64Function);
  });

  it("with momentum sums earlier gradients with falling weights", () => {
    let state = { weight: [4] as ArrayLike<number>, velocity: [0] as ArrayLike<number> };
    for (const gradient of [1, 2, 4])
      state = sgdStep({ ...state, gradient: [gradient], rate: 0.5, momentum: 0.5, decay: 0 });
    expectClose(state.velocity, [4 + 1 + 0.25], float64Function);
    expectClose(state.weight, [4 - 0.5 * (1 + 2.5 + 5.25)], float64Function);
  });

  it("decays weights as a gradient of their own", () => {
    const common = { velocity: [0], rate: 0.5, momentum: 0.9 };
    const decayed = sgdStep({ ...common, weight: [4], gradient: [1], decay: 0.25 });
    expect(decayed).toEqual(sgdStep({ ...common, weight: [4], gradient: [2], decay: 0 }));
  });
});

describe("the global norm", () => {
  it("is that of all lists as one", () => {
    expect(globalNorm([[3], [0, 4]])).toBe(5);
    const values = randomFloats(1, 100);
    expectClose(
      [globalNorm([values.subarray(0, 30), values.subarray(30)])],
      [globalNorm([values])],
      float64Function,
    );
  });

  it("scales what is longer down to the limit, and nothing else", () => {
    expectClose([clipFactor(5, 1) * 5], [1], roundedTo(6));
    expect(clipFactor(0.5, 1)).toBe(1);
    expect(clipFactor(0, 1)).toBe(1);
    expect(clipFactor(7, Infinity)).toBe(1);
  });
});
