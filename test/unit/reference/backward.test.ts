// The float64 gradients, each against differences of the forward function that it belongs to.
import { describe, expect, it } from "vitest";
import { centralDifferences, dotProduct } from "../../helpers/central-difference.js";
import { expectClose } from "../../helpers/expect-close.js";
import { randomFloats, SeededRandom } from "../../helpers/random.js";
import { makeTinyModel, type TinyModelOptions } from "../../helpers/tiny-model.js";
import { centralDifference, float64Function, float64Model } from "../../helpers/tolerances.js";
import { activations, type Activation } from "../../reference/activation.js";
import { activationDerivatives } from "../../reference/activation-backward.js";
import { attentionForward } from "../../reference/attention.js";
import { attentionBackward } from "../../reference/attention-backward.js";
import { crossEntropyBackward } from "../../reference/cross-entropy-backward.js";
import { embeddingForward } from "../../reference/embedding.js";
import { embeddingBackward } from "../../reference/embedding-backward.js";
import { gpt2Forward, type Gpt2ReferenceWeights } from "../../reference/gpt2.js";
import { gpt2Backward } from "../../reference/gpt2-backward.js";
import { normForward } from "../../reference/norm.js";
import { normBackward } from "../../reference/norm-backward.js";
import { gateBackward, gateForward } from "../../reference/gate.js";
import { rotaryBackward, rotaryForward } from "../../reference/rotary.js";
import { linearForward } from "../../reference/linear.js";
import { linearBackwardInput, linearBackwardWeight } from "../../reference/linear-backward.js";
import { logProbabilityForward } from "../../reference/log-softmax.js";

const kinds = Object.keys(activations) as Activation[];

describe("the gradient", () => {
  it.each(kinds)("of %s is its slope, also where it is almost straight", (kind) => {
    // Not 0, where ReLU has none.
    const x = [-9, -5, -2.5, -1.1, -0.6, -0.01, 0.01, 0.3, 0.76, 1, 2, 4, 8];
    const slopes = x.map((value) => centralDifferences(([at]) => activations[kind](at!), [value])[0]!);
    expectClose(x.map(activationDerivatives[kind]), slopes, centralDifference);
    expectClose([-50, 50, Number.NaN].map(activationDerivatives[kind]), [0, 1, Number.NaN], float64Function);
  });

  it.each(kinds)("of a gated product with %s", (activation) => {
    const F = 5;
    const x = randomFloats(1, 2 * 2 * F);
    const dY = randomFloats(2, 2 * F);
    expectClose(
      gateBackward({ x, dY, F, activation }),
      centralDifferences((own) => dotProduct(dY, gateForward({ x: own, F, activation })), x),
      centralDifference,
    );
  });

  it("of rotary positions, which turns them back", () => {
    const shape = { heads: 2, D: 6, positions: [0, 3, 700], frequencies: [1, 0.1], factor: 1.25 };
    const x = randomFloats(1, 3 * 2 * 6);
    const dY = randomFloats(2, x.length);
    expectClose(
      rotaryBackward({ x: dY, ...shape }),
      centralDifferences((own) => dotProduct(dY, rotaryForward({ x: own, ...shape })), x),
      centralDifference,
    );
    expectClose(
      rotaryBackward({ x: rotaryForward({ x, ...shape, factor: 1 }), ...shape, factor: 1 }),
      x,
      float64Function,
    );
  });

  it("of a linear layer, by its inputs, weight and bias", () => {
    for (const [M, N, K] of [
      [1, 1, 1],
      [3, 5, 2],
      [4, 3, 7],
    ] as const) {
      const x = randomFloats(1, M * K);
      const weight = randomFloats(2, N * K);
      const bias = randomFloats(3, N);
      const dY = randomFloats(4, M * N);
      const loss = (changed: Partial<Record<"x" | "weight" | "bias", Float64Array>>): number =>
        dotProduct(dY, linearForward({ x, weight, bias, N, K, ...changed }));
      const { dWeight, dBias } = linearBackwardWeight({ x, dY, N, K });
      const dX = linearBackwardInput({ dY, weight, N, K });
      expectClose(
        dX,
        centralDifferences((at) => loss({ x: at }), x),
        centralDifference,
      );
      expectClose(
        dWeight,
        centralDifferences((at) => loss({ weight: at }), weight),
        centralDifference,
      );
      expectClose(
        dBias,
        centralDifferences((at) => loss({ bias: at }), bias),
        centralDifference,
      );
    }
  });

  it.each(kinds)("of a linear layer behind %s, by what went into that", (activation) => {
    const [M, N, K] = [3, 4, 5];
    const P = randomFloats(5, M * K);
    const weight = randomFloats(6, N * K);
    const dY = randomFloats(7, M * N);
    const loss = (p: Float64Array): number =>
      dotProduct(dY, linearForward({ x: p.map(activations[activation]), weight, N, K }));
    const dP = linearBackwardInput({ dY, weight, activation, P, N, K });
    expectClose(dP, centralDifferences(loss, P), centralDifference);
  });

  it.each([1, 2, 5, 16])("of layer norm over %i channels, by rows, weight and bias", (C) => {
    const x = randomFloats(8, 3 * C).map((value) => value + 3);
    const [weight, bias] = [randomFloats(9, C), randomFloats(10, C)];
    const dY = randomFloats(11, 3 * C);
    // A large ε, so that its part in the derivative is seen.
    const epsilon = 0.5;
    const loss = (changed: Partial<Record<"x" | "weight" | "bias", Float64Array>>): number =>
      dotProduct(dY, normForward({ x, weight, bias, C, epsilon, ...changed }));
    const { dX, dWeight, dBias } = normBackward({ x, dY, weight, C, epsilon });
    expectClose(
      dX,
      centralDifferences((at) => loss({ x: at }), x),
      centralDifference,
    );
    expectClose(
      dWeight,
      centralDifferences((at) => loss({ weight: at }), weight),
      centralDifference,
    );
    expectClose(
      dBias,
      centralDifferences((at) => loss({ bias: at }), bias),
      centralDifference,
    );
  });

  describe.each([
    { T: 1, keys: 1, heads: 1, keyValueHeads: 1, D: 1, causal: true },
    { T: 6, keys: 6, heads: 2, keyValueHeads: 2, D: 3, causal: true },
    { T: 5, keys: 5, heads: 2, keyValueHeads: 2, D: 3, causal: false },
    { T: 3, keys: 7, heads: 2, keyValueHeads: 1, D: 4, causal: true },
    { T: 4, keys: 4, heads: 6, keyValueHeads: 2, D: 2, causal: false },
  ])("of attention, $T of $keys tokens, $heads heads on $keyValueHeads, causal $causal,", (shape) => {
    const { T, keys, heads, keyValueHeads, D, causal } = shape;
    const options = { heads, keyValueHeads, D, causal };
    const q = randomFloats(12, T * heads * D, 0.5);
    const [k, v] = [13, 14].map((seed) => randomFloats(seed, keys * keyValueHeads * D, 0.5)) as [
      Float32Array,
      Float32Array,
    ];
    const dY = randomFloats(15, q.length);
    const loss = (changed: Partial<Record<"q" | "k" | "v", Float64Array>>): number =>
      dotProduct(dY, attentionForward({ q, k, v, ...options, ...changed }));

    it("by queries, keys and values", () => {
      const { dQ, dK, dV } = attentionBackward({ q, k, v, dY, ...options });
      expectClose(
        dQ,
        centralDifferences((at) => loss({ q: at }), q),
        centralDifference,
      );
      expectClose(
        dK,
        centralDifferences((at) => loss({ k: at }), k),
        centralDifference,
      );
      expectClose(
        dV,
        centralDifferences((at) => loss({ v: at }), v),
        centralDifference,
      );
    });
  });

  it("of the embedding, by both tables, of rows looked up often, once and never", () => {
    const [C, V, positions, firstPosition] = [3, 5, 7, 2];
    const ids = [4, 0, 4, 4, 2];
    const [tokenTable, positionTable] = [randomFloats(16, V * C), randomFloats(17, positions * C)];
    const dX = randomFloats(18, ids.length * C);
    const loss = (changed: Partial<Record<"tokenTable" | "positionTable", Float64Array>>): number =>
      dotProduct(dX, embeddingForward({ ids, tokenTable, positionTable, C, firstPosition, ...changed }));
    const result = embeddingBackward({ ids, dX, C, V, positions, firstPosition });
    const byToken = centralDifferences((at) => loss({ tokenTable: at }), tokenTable);
    const byPosition = centralDifferences((at) => loss({ positionTable: at }), positionTable);
    expectClose(result.dTokenTable, byToken, centralDifference);
    expectClose(result.dPositionTable, byPosition, centralDifference);
    expect([...result.dTokenTable.subarray(3, 6)]).toEqual([0, 0, 0]);
  });

  it("of cross-entropy, by the logits", () => {
    const V = 6;
    const targets = [0, 5, 3, 3];
    const logits = randomFloats(19, targets.length * V);
    const scale = 0.25;
    const { losses, dLogits } = crossEntropyBackward({ logits, targets, V, scale });
    const lossesAt = (at: ArrayLike<number>): Float64Array =>
      logProbabilityForward({ logits: at, targets, V }).map((value) => -value);
    const loss = (at: Float64Array): number => scale * lossesAt(at).reduce((sum, value) => sum + value, 0);
    expectClose(losses, lossesAt(logits), float64Function);
    expectClose(dLogits, centralDifferences(loss, logits), centralDifference);
  });

  it("of cross-entropy keeps its digits where the target is almost certain", () => {
    const { dLogits } = crossEntropyBackward({ logits: [40, 0], targets: [0], V: 2, scale: 1 });
    const rest = Math.exp(-40) / (1 + Math.exp(-40));
    expectClose([dLogits[0]! / rest, dLogits[1]! / rest], [-1, 1], float64Model);
  });
});

describe("gpt2Backward", () => {
  const sentences = [[3, 1, 12, 0, 1, 7], [5], [2, 2], [11, 4, 8, 3]];
  const cases: readonly TinyModelOptions[] = [
    { activation: "gelu_new", tiedHead: true },
    { activation: "gelu", tiedHead: true, layers: 1 },
    { activation: "gelu", tiedHead: false, headBias: true },
    // Not ReLU: some of its many kinks would lie within the differences.
    { activation: "gelu_new", tiedHead: false, layers: 3, seed: 2 },
    { activation: "gelu_new", tiedHead: true, layers: 0 },
  ];
  it.each(cases)("gives the gradient of every parameter, %o", (options) => {
    const { config, weights } = makeTinyModel(options);
    const { loss, targets, gradients } = gpt2Backward(config, weights, sentences);
    const lossOf = (changed: Gpt2ReferenceWeights): number => {
      const sums = sentences
        .filter((ids) => ids.length > 1)
        .map((ids) => {
          // Here all tokens go in; what the last one predicts has no target.
          const { logits } = gpt2Forward(config, changed, ids);
          const V = logits.length / ids.length;
          const next = ids.slice(1);
          const known = logits.subarray(0, next.length * V);
          return logProbabilityForward({ logits: known, targets: next, V }).reduce(
            (sum, value) => sum - value,
            0,
          );
        });
      return sums.reduce((sum, value) => sum + value, 0) / 9;
    };
    expect(targets).toBe(9);
    expectClose([loss], [lossOf(weights)], float64Model);
    expect([...gradients.keys()].toSorted()).toEqual([...weights.keys()].toSorted());
    const random = new SeededRandom(7);
    for (const [name, values] of weights) {
      const entries = Array.from({ length: 6 }, () => random.integer(values.length));
      const differences = centralDifferences(
        (at) => lossOf(new Map<string, Float32Array | Float64Array>([...weights, [name, at]])),
        values,
        entries,
      );
      const own = entries.map((entry) => gradients.get(name)![entry]!);
      expectClose(own, differences, centralDifference);
      expect(own.some((value) => value !== 0) || name.includes("wte") || name.includes("wpe"), name).toBe(
        true,
      );
    }
  });

  it("ignores keys' biases, which shift all scores of a row alike", () => {
    const { config, weights } = makeTinyModel();
    const C = config.n_embd;
    const { gradients } = gpt2Backward(config, weights, sentences);
    const keys = gradients.get("h.0.attn.c_attn.bias")!.subarray(C, 2 * C);
    expectClose(keys, new Float64Array(C), float64Model);
  });

  it("of a sentence that comes twice is that of the sentence", () => {
    const { config, weights } = makeTinyModel();
    const once = gpt2Backward(config, weights, [sentences[0]!]);
    const twice = gpt2Backward(config, weights, [sentences[0]!, sentences[0]!]);
    expectClose([twice.loss], [once.loss], float64Function);
    for (const [name, gradient] of once.gradients)
      expectClose(twice.gradients.get(name)!, gradient, float64Model);
  });
});
