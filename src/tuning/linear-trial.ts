// Small samples of linear layers with known results, to verify.
import type { ElementType } from "../gpu/kernel.js";
import { Activation, type LinearInput } from "../kernels/linear/linear.js";
import { LinearFlag, type LinearParam } from "../kernels/linear/output.js";
import { gpuFormats, isBlocks, PANEL, placesOf } from "../tensor/blocks/gpu-layout.js";
import { unpackMatrix } from "../tensor/blocks/unpack.js";
import { float32ToFloat16, toFloat32, type Arithmetic } from "../tensor/formats.js";
import { SeededRandom } from "../util/seeded-random.js";
import { linearParams, matrixBytes } from "./linear-sample.js";
import type { SampleValues } from "./sample.js";
import { FLOAT32_TOLERANCE, type KernelTrial } from "./trial.js";

/** Sums of 20 products around 1/4, each rounded by up to 5e-4 of the sum so far, are wrong by some 1e-3. */
const FLOAT16_TOLERANCE = 1e-2;

/**
 * Rows in reverse, added to what the output holds, with the activation; more columns than the smallest tiles have, and more inputs
 * than a block of products: of 128 in f32, of 16 in f16, whose errors grow with the inputs.
 */
export function linearTrial(
  rows: number,
  activation: Activation,
  element: ElementType,
  arithmetic: Arithmetic,
): KernelTrial<LinearInput | "Y", LinearParam> {
  const inputVectors = isBlocks(element) ? 64 : arithmetic === "f16" ? 5 : 37;
  const outputVectors = 17;
  const [K, N] = [4 * inputVectors, 4 * outputVectors];
  const random = new SeededRandom(1);
  const floats = (count: number): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: count }, () => 2 * random.uniform() - 1);
  const { W, scales, weightAt } = trialMatrix(K, N, element, floats);
  const [X, bias, Y] = [floats(rows * K), floats(N), floats(rows * N)];
  const expected = new Float64Array(rows * N);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < N; column++) {
      let sum = bias[column]!;
      for (let k = 0; k < K; k++) sum += X[row * K + k]! * weightAt(k, column);
      expected[row * N + column] = Y[row * N + column]! + activate(sum, activation);
    }
  return {
    contents: {
      X,
      W,
      bias,
      rowTable: Uint32Array.from({ length: rows }, (_, row) => rows - 1 - row),
      scales,
      Y,
    },
    params: linearParams(rows, inputVectors, outputVectors, LinearFlag.activate | LinearFlag.addToOutput),
    output: "Y",
    expected,
    tolerance: arithmetic === "f16" ? FLOAT16_TOLERANCE : FLOAT32_TOLERANCE,
  };
}

interface TrialMatrix {
  readonly W: SampleValues;
  readonly scales: SampleValues;
  readonly weightAt: (k: number, column: number) => number;
}

/** A matrix (K/4, N, 4) of random numbers that f16 holds exactly, or random bits of quantised weights with small scales. */
function trialMatrix(
  K: number,
  N: number,
  element: ElementType,
  floats: (count: number) => Float32Array<ArrayBuffer>,
): TrialMatrix {
  if (isBlocks(element)) {
    const format = gpuFormats[element];
    const shape = { outputs: N, inputs: K, panel: PANEL };
    const bytes = matrixBytes(K / 4, N / 4, element);
    const quants = randomWords(bytes.W / 4, floats);
    const scales = randomWords(bytes.scales / 4, floats);
    const { panels, scaleWords, planeBegins } = placesOf(format, shape);
    const scaleFloats = new Float32Array(scales.buffer);
    for (const { name, every, words } of format.planes) {
      if (name === "upper" || name === "whole") continue;
      for (let panel = 0; panel < panels; panel++) {
        const begin = panel * scaleWords + planeBegins[name]!;
        const own = floats((K / every) * words * PANEL);
        // Whole numbers are up to 127, scales of scales up to 255.
        for (const [index, value] of own.entries())
          scaleFloats[begin + index] = value / (name === "scale" || name === "minimum" ? 128 : 2 ** 14);
      }
    }
    const values = unpackMatrix({ quants, scales }, format, shape);
    return { W: quants, scales, weightAt: (k, column) => values[column * K + k]! };
  }
  const halves = float32ToFloat16(floats(K * N));
  const W = toFloat32(new Uint8Array(halves.buffer), "F16");
  return {
    W: element === "f32" ? W : new Uint32Array(halves.buffer),
    scales: new Uint32Array(1),
    weightAt: (k, column) => W[4 * (Math.floor(k / 4) * N + column) + (k % 4)]!,
  };
}

const randomWords = (count: number, floats: (count: number) => Float32Array): Uint32Array<ArrayBuffer> =>
  Uint32Array.from(floats(count), (value) => Math.floor((value + 1) * 2 ** 31));

function activate(x: number, activation: Activation): number {
  switch (activation) {
    case Activation.none:
      return x;
    case Activation.relu:
      return Math.max(x, 0);
    case Activation.silu:
      return x / (1 + Math.exp(-x));
    case Activation.geluTanh:
      return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
    case Activation.geluErf:
      return 0.5 * x * (1 + erf(x / Math.SQRT2));
    default:
      return activation satisfies never;
  }
}

/** By its Taylor series (https://dlmf.nist.gov/7.6.E1), whose terms stay small enough for the sums of a trial. */
function erf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 120; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
