// What becomes of a pooled vector: dense modules, a cut, a norm. In float64 on the host: it depends on nothing but the vector.
import type { DenseModule } from "../load/sentence-files.js";

export interface FinishOptions {
  readonly dense: readonly DenseModule[];
  readonly dimensions: number | undefined;
  readonly normalizes: boolean;
}

/** As sentence-transformers: a vector of length 0 stays so. */
const LEAST_NORM = 1e-12;

export function finishVector(pooled: Float32Array, options: FinishOptions): Float32Array<ArrayBuffer> {
  let vector: Float32Array | Float64Array = pooled;
  for (const module of options.dense) vector = applyDense(module, vector);
  if (options.dimensions !== undefined) vector = vector.subarray(0, options.dimensions);
  if (!options.normalizes) return Float32Array.from(vector);
  let squares = 0;
  for (const value of vector) squares += value * value;
  const norm = Math.max(Math.sqrt(squares), LEAST_NORM);
  return Float32Array.from(vector, (value) => value / norm);
}

function applyDense(
  { inputs, outputs, isTanh, weight, bias }: DenseModule,
  vector: Float32Array | Float64Array,
): Float64Array {
  const result = new Float64Array(outputs);
  for (let output = 0; output < outputs; output++) {
    let sum = bias ? bias[output]! : 0;
    for (let input = 0; input < inputs; input++) sum += weight[output * inputs + input]! * vector[input]!;
    result[output] = isTanh ? Math.tanh(sum) : sum;
  }
  return result;
}
