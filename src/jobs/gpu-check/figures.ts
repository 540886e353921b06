// The arithmetic of a GPU's check: what was reached, and which share of the adapter's bounds that is. Knows no GPU.

/** A number, or null and why it is not known. JSON-serialisable. */
export type Figure = { readonly value: number } | { readonly value: null; readonly why: string };

export const known = (value: number): Figure =>
  Number.isFinite(value) ? { value } : unknown(`it came out as ${value}`);

export const unknown = (why: string): Figure => ({ value: null, why });

/** What one step, or a prompt, of the timed model asks of a GPU at least. */
export interface Work {
  /** Bytes of weights, each read once. */
  readonly bytes: number;
  /** Floating point operations: two per weight and row. Attention, norms and activations are not counted. */
  readonly flops: number;
}

/** A speed and what it comes to. */
export interface Reached {
  readonly tokensPerSecond: number;
  /** Of weights alone: keys, values and activations are not counted. */
  readonly gigabytesPerSecond: number;
  readonly gigaflopsPerSecond: number;
  /** Of the bandwidth that a kernel reached which only reads. Above 1 where caches hold weights. */
  readonly shareOfBandwidth: Figure;
  /** Of the arithmetic that a kernel reached which only multiplies and adds. */
  readonly shareOfPeak: Figure;
}

export interface MeasuredBounds {
  readonly bandwidth: Figure;
  readonly arithmetic: Figure;
}

/** The work of a step of decoding: every weight once, for `rows` texts. */
export function workOfStep(
  weights: { readonly layers: number; readonly head: number },
  weightBytes: number,
  rows: number,
): Work {
  return { bytes: weightBytes, flops: 2 * (weights.layers + weights.head) * rows };
}

/** The work of a prompt: its last row alone goes through the head. */
export function workOfPrompt(
  weights: { readonly layers: number; readonly head: number },
  weightBytes: number,
  tokens: number,
): Work {
  return { bytes: weightBytes, flops: 2 * (weights.layers * tokens + weights.head) };
}

/** What `work` in `ms` milliseconds comes to, for `tokens` tokens. */
export function reachedBy(
  { bytes, flops }: Work,
  tokens: number,
  ms: number,
  { bandwidth, arithmetic }: MeasuredBounds,
): Reached {
  const gigabytesPerSecond = bytes / ms / 1e6;
  const gigaflopsPerSecond = flops / ms / 1e6;
  return {
    tokensPerSecond: (1000 * tokens) / ms,
    gigabytesPerSecond,
    gigaflopsPerSecond,
    shareOfBandwidth: shareOf(gigabytesPerSecond, bandwidth),
    shareOfPeak: shareOf(gigaflopsPerSecond, arithmetic),
  };
}

function shareOf(value: number, bound: Figure): Figure {
  return bound.value === null
    ? unknown(`the adapter's bound is not known: ${bound.why}`)
    : known(value / bound.value);
}

/** The middle one; of an even number of values, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}
