// Log-probabilities in float64.

/** Each row of logits (M, V) minus the logarithm of its sum of exponentials. Result (M, V). */
export function logSoftmax(logits: ArrayLike<number>, V: number): Float64Array {
  const result = new Float64Array(logits.length);
  for (let row = 0; row < logits.length; row += V) {
    let maximum = -Infinity;
    for (let entry = 0; entry < V; entry++) maximum = Math.max(maximum, logits[row + entry]!);
    let sum = 0;
    for (let entry = 0; entry < V; entry++) sum += Math.exp(logits[row + entry]! - maximum);
    for (let entry = 0; entry < V; entry++)
      result[row + entry] = logits[row + entry]! - maximum - Math.log(sum);
  }
  return result;
}

/** The log-probability that row m of logits (M, V) gives to targets[m]. Result (M). */
export function logProbabilityForward(inputs: {
  logits: ArrayLike<number>;
  targets: readonly number[];
  V: number;
}): Float64Array {
  const all = logSoftmax(inputs.logits, inputs.V);
  return Float64Array.from(inputs.targets, (target, m) => all[m * inputs.V + target]!);
}
