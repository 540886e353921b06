// Slopes of the activations in float64.
import type { Activation } from "./activation.js";
import { erfc } from "./erf.js";

/** Each activation's derivative as a function of what went into it. */
export const activationDerivatives: Readonly<Record<Activation, (x: number) => number>> = {
  "gelu-erf": geluErfDerivative,
  "gelu-tanh": geluTanhDerivative,
  relu: reluDerivative,
  silu: siluDerivative,
};

/** (x·Φ(x))′ = Φ(x) + x·φ(x), with the normal density φ = Φ′. */
function geluErfDerivative(x: number): number {
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  return erfc(-x * Math.SQRT1_2) / 2 + x * density;
}

/** (x·s(2u))′ = s + x·s·(1 − s)·2u′ with the logistic function s and u = √(2/π)·(x + 0.044715·x³). */
function geluTanhDerivative(x: number): number {
  const slope = Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
  const twoU = 2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
  const s = 1 / (1 + Math.exp(-twoU));
  // 1 − s without cancellation.
  const rest = 1 / (1 + Math.exp(twoU));
  return s + x * s * rest * 2 * slope;
}

/** (x·s(x))′ = s + x·s·(1 − s). */
function siluDerivative(x: number): number {
  const s = 1 / (1 + Math.exp(-x));
  return s + (x * s) / (1 + Math.exp(x));
}

/** 1 right of 0, else 0, and NaN for NaN: at the kink, the slope from the left. */
function reluDerivative(x: number): number {
  if (Number.isNaN(x)) return x;
  return x > 0 ? 1 : 0;
}
