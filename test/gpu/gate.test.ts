// Gated products with their gradients, multiples of rows, and scaled and capped logits, on real execution.
import { describe, expect, it } from "vitest";
import { gateBackwardVariant } from "../../src/kernels/activation/gate-backward.js";
import { gateVariant } from "../../src/kernels/activation/gate.js";
import { scaleVariant } from "../../src/kernels/activation/scale.js";
import { Activation } from "../../src/kernels/linear/linear.js";
import { adjustLogitsVariant } from "../../src/kernels/loss/adjust-logits.js";
import { expectClose } from "../helpers/expect-close.js";
import { pad4, padRows, runKernel, shuffledRows, unpadRows, useTestQueue } from "../helpers/gpu-run.js";
import { randomFloats } from "../helpers/random.js";
import { float32Elementwise, float32Softmax, float32Steps } from "../helpers/tolerances.js";
import type { Activation as ActivationName } from "../reference/activation.js";
import { adjustLogits } from "../reference/adjust-logits.js";
import { gateBackward, gateForward } from "../reference/gate.js";

const queue = useTestQueue();

/** Errors of an activation, which is right to one step, are multiplied by ups of up to 5. */
const gated = float32Steps(5);
/** Then by gradients of as much. */
const gatedGradient = float32Steps(16);

const kinds: readonly (readonly [ActivationName, Activation])[] = [
  ["silu", Activation.silu],
  ["gelu-tanh", Activation.geluTanh],
  ["gelu-erf", Activation.geluErf],
  ["relu", Activation.relu],
];

describe.each([
  [1, 1],
  [7, 18],
  [33, 16],
  [5, 161],
])("%i rows of %i", (rows, F) => {
  const listed = shuffledRows(2 * rows).slice(0, rows);
  const rowTable = Uint32Array.from([77, ...listed]);
  const params = { firstEntry: 1, rowCount: rows, vectors: pad4(F) / 4 };
  const stored = (values: Float32Array): Float32Array<ArrayBuffer> => padRows(values, F, pad4(F));
  /** The listed rows of `values`, and 7 in the others. */
  const expected = (values: Float64Array, width: number): Float64Array => {
    const own = new Set(listed);
    return values.map((value, index) => (own.has(Math.floor(index / width)) ? value : 7));
  };
  const x = randomFloats(1, 2 * rows * 2 * F);
  x.set([-90, 90].slice(0, F), listed[0]! * 2 * F);
  /** Rows of gates and then of ups, as pairs; and back. */
  const paired = (values: Float32Array): Float32Array<ArrayBuffer> => {
    const result = new Float32Array(2 * rows * 2 * pad4(F));
    for (let index = 0; index < values.length; index++) result[pairPlace(index)] = values[index]!;
    return result;
  };
  const pairPlace = (index: number): number => {
    const [row, column] = [Math.floor(index / (2 * F)), index % (2 * F)];
    return row * 2 * pad4(F) + 2 * (column % F) + Math.floor(column / F);
  };
  const dY = randomFloats(2, 2 * rows * F);

  it.each(kinds)("are gated by %s", async (activation, kind) => {
    const Y = await runKernel(
      queue(),
      gateVariant(kind),
      { X: paired(x), rowTable, Y: stored(new Float32Array(dY.length).fill(7)) },
      params,
      "Y",
    );
    expectClose(unpadRows(Y, F, pad4(F)), expected(gateForward({ x, F, activation }), F), gated);
    expect(stored(unpadRows(Y, F, pad4(F))), "padding stays 0").toEqual(Y);
  });

  it.each(kinds)("have the gradients of being gated by %s", async (activation, kind) => {
    const dX = await runKernel(
      queue(),
      gateBackwardVariant(kind),
      { X: paired(x), dY: stored(dY), rowTable, dX: paired(new Float32Array(x.length).fill(7)) },
      params,
      "dX",
    );
    const own = gateBackward({ x, dY, F, activation });
    const apart = x.map((_, index) => dX[pairPlace(index)]!);
    expectClose(apart, expected(own, 2 * F), gatedGradient);
    expect(paired(apart), "padding stays 0").toEqual(dX);
  });

  it.each([0, 1])("are multiplied, or with %i added", async (addToOutput) => {
    const Y = await runKernel(
      queue(),
      scaleVariant,
      { X: stored(dY), rowTable, Y: stored(new Float32Array(dY.length).fill(7)) },
      { ...params, factor: 0.22, addToOutput },
      "Y",
    );
    const own = Float64Array.from(dY, (value) => 0.22 * value + 7 * addToOutput);
    expectClose(unpadRows(Y, F, pad4(F)), expected(own, F), float32Elementwise);
  });
});

describe("logits", () => {
  it.each([
    [1 / 6, undefined],
    [1, 15],
    [0.5, 30],
  ])("are multiplied by %d and capped at %d", async (scale, cap) => {
    const [rows, V] = [3, 132];
    const logits = randomFloats(3, rows * V, 20);
    logits.set([-1e30, 1e30, 0]);
    const own = await runKernel(
      queue(),
      adjustLogitsVariant,
      { logits: logits.slice() },
      { rowCount: rows, vectors: V / 4, scale, cap: cap ?? 0 },
      "logits",
    );
    // tanh is as exact as the exponentials that it is made of.
    expectClose(own, adjustLogits(logits, scale, cap), float32Softmax(8, cap ?? 1));
  });
});
