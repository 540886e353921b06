// What the bytes of weights allow: a text alone reads every weight once per token, whatever computes with it.

/** GPUs of about 100, 300 and 1000 GB/s: a laptop's own, a small card or a large laptop's, and a large card. */
export const bandwidths: readonly number[] = [100, 300, 1000];

/** The formula of `boundTokens`, to be shown with figures. */
export const boundFormula =
  "bandwidth / bytes of all weights, each read once per token; no keys, values, activations or arithmetic are counted";

/** The most tokens per second of one text on a GPU with so many GB/s. */
export function boundTokens(weightBytes: number, gigabytesPerSecond: number): number {
  return (1e9 * gigabytesPerSecond) / weightBytes;
}

/** The bytes of a model with `allWeights` weights, if `weights` of them take `bytes`. Norms are too few to matter. */
export function bytesOfAll(bytes: number, weights: number, allWeights: number): number {
  return (bytes * allWeights) / weights;
}
