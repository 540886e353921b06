// The float64 reference, function by function, against published numbers and against its own definitions.
import { describe, expect, it } from "vitest";
import { expectClose } from "../../helpers/expect-close.js";
import { randomFloats } from "../../helpers/random.js";
import { float64Function, float64Model, roundedTo } from "../../helpers/tolerances.js";
import { geluErf, geluTanh, relu } from "../../reference/activation.js";
import { attentionForward } from "../../reference/attention.js";
import { embeddingForward } from "../../reference/embedding.js";
import { erf, erfc } from "../../reference/erf.js";
import { normForward } from "../../reference/norm.js";
import { linearForward } from "../../reference/linear.js";
import { logProbabilityForward, logSoftmax } from "../../reference/log-softmax.js";

describe("erf", () => {
  // Abramowitz and Stegun, Handbook of Mathematical Functions (1964), table 7.1, ten decimals.
  const table = [
    [0.1, 0.112462916],
    [0.5, 0.5204998778],
    [1, 0.8427007929],
    [1.5, 0.9661051465],
    [2, 0.995322265],
  ] as const;
  it("agrees with the handbook's table", () => {
    const values = table.map(([x]) => erf(x));
    const published = table.map(([, value]) => value);
    expectClose(values, published, roundedTo(10));
  });

  // C's erf and erfc (glibc 2.36), printed by Python's math module, on both sides of the switch between the two formulas at 2.5.
  const precise = [
    [0.25, 0.2763263901682369, 0.7236736098317631],
    [1, 0.8427007929497149, 0.15729920705028513],
    [2.4375, 0.9994334567454198, 0.000566543254580165],
    [2.5, 0.999593047982555, 0.0004069520174449589],
    [3, 0.9999779095030014, 2.2090496998585438e-5],
    [5, 0.9999999999984626, 1.5374597944280351e-12],
  ] as const;
  it("and erfc have all digits of a float64", () => {
    for (const [x, erfValue, erfcValue] of precise) {
      expectClose([erf(x), erf(-x), erfc(x)], [erfValue, -erfValue, erfcValue], float64Function);
    }
    expectClose([erfc(5) / 1.5374597944280351e-12], [1], float64Model);
    expect([erf(0), erf(10), erf(-10)]).toEqual([0, 1, -1]);
  });
});

describe("activations", () => {
  // PyTorch's documentation of GELU gives the formulas; the digits are Python's, by math.erf and math.tanh.
  it("gelu has the values of its definitions", () => {
    const x = [-3, -1, -0.5, 0, 0.5, 1, 3];
    expectClose(
      x.map(geluErf),
      x.map((value) => 0.5 * value * (1 + erf(value / Math.sqrt(2)))),
      float64Function,
    );
    expectClose(x.map(geluTanh), x.map(tanhForm), float64Function);
    expectClose([geluErf(1), geluTanh(1)], [0.8413447460685429, 0.8411919906082768], float64Function);
  });

  it("end in 0 and x far from the origin, and keep NaN", () => {
    for (const activate of [geluErf, geluTanh, relu]) {
      expectClose(
        [activate(-100), activate(100), activate(Number.NaN)],
        [0, 100, Number.NaN],
        float64Function,
      );
    }
  });
});

describe("operations", () => {
  it("embedding adds the rows of both tables", () => {
    const y = embeddingForward({
      ids: [2, 0],
      tokenTable: [1, 2, 3, 4, 5, 6],
      positionTable: [0, 0, 10, 20, 30, 40],
      C: 2,
      firstPosition: 1,
    });
    expect([...y]).toEqual([15, 26, 31, 42]);
  });

  it("layer norm gives rows of mean bias and deviation weight", () => {
    const x = randomFloats(1, 3 * 64, 5);
    const y = normForward({
      x,
      weight: randomFloats(2, 64).fill(2),
      bias: new Float64Array(64).fill(3),
      C: 64,
      epsilon: 0,
    });
    for (let row = 0; row < y.length; row += 64) {
      const values = y.subarray(row, row + 64);
      const mean = values.reduce((a, b) => a + b) / 64;
      const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / 64;
      expectClose([mean, variance], [3, 4], float64Model);
    }
  });

  it("linear multiplies by the transposed weight, then adds, activates and adds the residual", () => {
    const y = linearForward({
      x: [1, 2, 3, 4],
      weight: [1, 0, 0, 1, 1, -1],
      bias: [0.5, 0, 0],
      residual: [100, 100, 100, 200, 200, 200],
      activation: "relu",
      N: 3,
      K: 2,
    });
    expect([...y]).toEqual([101.5, 102, 100, 203.5, 204, 200]);
  });

  it("attention of equal keys is the mean of the visible values", () => {
    const inputs = { q: [1, 2, 3, 4, 5, 6], k: [0, 0, 0, 0, 0, 0], v: [3, 0, 9, 3, 0, 12], heads: 1, D: 2 };
    expectClose(attentionForward({ ...inputs, causal: true }), [3, 0, 6, 1.5, 4, 5], float64Function);
    expectClose(attentionForward({ ...inputs, causal: false }), [4, 5, 4, 5, 4, 5], float64Function);
  });

  it("attention of two keys weighs them by the logistic function of their difference", () => {
    const y = attentionForward({
      q: [2, 0, 0, 0],
      k: [1, 0, 0, 0, 0, 0, 0, 0],
      v: [1, 0, 0, 0, 0, 0, 0, 0],
      heads: 1,
      D: 4,
      causal: true,
    });
    expectClose(y, [1 / (1 + Math.exp(-1)), 0, 0, 0], float64Function);
  });

  it("attention of the last query over earlier keys is the last row of the whole", () => {
    const q = randomFloats(1, 5 * 12);
    const k = randomFloats(2, 5 * 12);
    const v = randomFloats(3, 5 * 12);
    const whole = attentionForward({ q, k, v, heads: 3, D: 4, causal: true });
    const last = attentionForward({ q: q.subarray(48), k, v, heads: 3, D: 4, causal: true });
    expectClose(last, whole.subarray(48), float64Function);
  });

  it("attention with shared key heads is that with the key heads repeated", () => {
    const q = randomFloats(4, 3 * 8);
    const [k, v] = [randomFloats(5, 3 * 4), randomFloats(6, 3 * 4)];
    const shared = attentionForward({ q, k, v, heads: 4, keyValueHeads: 2, D: 2, causal: true });
    const repeated = attentionForward({
      q,
      k: repeatHeads(k),
      v: repeatHeads(v),
      heads: 4,
      D: 2,
      causal: true,
    });
    expectClose(shared, repeated, float64Function);
  });

  it("log-softmax sums to 1, ignores a shift and bears large logits", () => {
    const logits = randomFloats(7, 3 * 50, 10);
    const result = logSoftmax(logits, 50);
    for (let row = 0; row < 150; row += 50) {
      const sum = result.subarray(row, row + 50).reduce((total, value) => total + Math.exp(value), 0);
      expectClose([sum], [1], float64Model);
    }
    expectClose(
      logSoftmax([1000, 1000, -1000], 3),
      [-Math.LN2, -Math.LN2, -2000 - Math.LN2],
      float64Function,
    );
    const chosen = logProbabilityForward({ logits, targets: [4, 0, 49], V: 50 });
    expect([...chosen]).toEqual([result[4], result[50], result[149]]);
  });
});

/** GELU's tanh approximation as the paper writes it: https://arxiv.org/abs/1606.08415. */
function tanhForm(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

/** Rows of two heads of width 2 as rows of four: each head twice. */
function repeatHeads(rows: Float32Array): number[] {
  const heads = Array.from({ length: rows.length / 2 }, (_, head) => [
    ...rows.subarray(2 * head, 2 * head + 2),
  ]);
  return heads.flatMap((head) => [...head, ...head]);
}
