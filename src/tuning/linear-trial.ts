// Samples of linear layers: of the model's own shapes, to measure; small ones with known results, to verify.
import type { ElementType } from "../gpu/kernel.js";
import { Activation, LinearFlag, type LinearBinding, type LinearParam } from "../kernels/linear/linear.js";
import { float32ToFloat16, toFloat32, type Arithmetic } from "../tensor/formats.js";
import { SeededRandom } from "../util/seeded-random.js";
import type { KernelSample } from "./sample.js";
import { FLOAT32_TOLERANCE, type KernelTrial } from "./trial.js";

/** Sums of 148 products around 1/4, each of 16 rounded by up to 5e-4 of the sum so far, are wrong by some 3e-3. */
const FLOAT16_TOLERANCE = 1e-2;

type Sample = KernelSample<LinearBinding, LinearParam>;

/** Zeros: `rows` rows of a layer between widths given in vec4s. */
export function linearSample(
  rows: number,
  inputVectors: number,
  outputVectors: number,
  element: ElementType,
): Sample {
  return {
    contents: {
      X: 16 * rows * inputVectors,
      W: (element === "f32" ? 64 : 32) * inputVectors * outputVectors,
      bias: 16 * outputVectors,
      rowTable: Uint32Array.from({ length: rows }, (_, row) => row),
      scales: 4,
      Y: 16 * rows * outputVectors,
    },
    params: paramsOf(rows, inputVectors, outputVectors, LinearFlag.activate | LinearFlag.compactOutput),
  };
}

/** Rows in reverse, added to what the output holds, with the activation; more columns than the smallest tiles have, more inputs
 * than a block of products. */
export function linearTrial(
  rows: number,
  activation: Activation,
  element: ElementType,
  arithmetic: Arithmetic,
): KernelTrial<LinearBinding, LinearParam> {
  const [inputVectors, outputVectors] = [37, 17];
  const [K, N] = [4 * inputVectors, 4 * outputVectors];
  const interleaved = (k: number, column: number): number => 4 * (Math.floor(k / 4) * N + column) + (k % 4);
  const random = new SeededRandom(1);
  const floats = (count: number): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: count }, () => 2 * random.uniform() - 1);
  const halves = float32ToFloat16(floats(K * N));
  // Exact in either format.
  const W = toFloat32(new Uint8Array(halves.buffer), "F16");
  const [X, bias, Y] = [floats(rows * K), floats(N), floats(rows * N)];
  const expected = new Float64Array(rows * N);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < N; column++) {
      let sum = bias[column]!;
      for (let k = 0; k < K; k++) sum += X[row * K + k]! * W[interleaved(k, column)]!;
      expected[row * N + column] = Y[row * N + column]! + activate(sum, activation);
    }
  return {
    contents: {
      X,
      W: element === "f32" ? W : new Uint32Array(halves.buffer),
      bias,
      rowTable: Uint32Array.from({ length: rows }, (_, row) => rows - 1 - row),
      scales: 4,
      Y,
    },
    params: paramsOf(rows, inputVectors, outputVectors, LinearFlag.activate | LinearFlag.addToOutput),
    output: "Y",
    expected,
    tolerance: arithmetic === "f16" ? FLOAT16_TOLERANCE : FLOAT32_TOLERANCE,
  };
}

function paramsOf(
  rowCount: number,
  inputVectors: number,
  outputVectors: number,
  flags: number,
): Sample["params"] {
  return {
    firstEntry: 0,
    rowCount,
    inputVectors,
    outputVectors,
    outputStride: outputVectors,
    outputOffset: 0,
    outputEntry: 0,
    flags,
  };
}

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
