// Cross-entropy and its gradient in float64.
import { logSoftmax } from "./log-softmax.js";

/**
 * Row m loses −log p(targets[m]) under the softmax of its logits (V); the gradient of the sum of all losses times `scale`
 * is scale·(p − 1 at the target). logits, dLogits (M, V) · losses (M), unscaled.
 */
export function crossEntropyBackward(inputs: {
  logits: ArrayLike<number>;
  targets: readonly number[];
  V: number;
  scale: number;
}): { losses: Float64Array; dLogits: Float64Array } {
  const { logits, targets, V, scale } = inputs;
  const logProbabilities = logSoftmax(logits, V);
  const dLogits = logProbabilities.map((value) => scale * Math.exp(value));
  const losses = new Float64Array(targets.length);
  for (const [m, target] of targets.entries()) {
    losses[m] = -logProbabilities[m * V + target]!;
    // p − 1 as what the others have, without cancellation where p is almost 1.
    let others = 0;
    for (let entry = 0; entry < V; entry++) if (entry !== target) others += dLogits[m * V + entry]!;
    dLogits[m * V + target] = -others;
  }
  return { losses, dLogits };
}
