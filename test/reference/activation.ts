// Activations in float64.
import { erfc } from "./erf.js";

/** An activation's formula; GELU comes exact (erf) and by its tanh approximation. */
export type Activation = "gelu-erf" | "gelu-tanh" | "relu" | "silu";

/** Each activation as a function of one number. */
export const activations: Readonly<Record<Activation, (x: number) => number>> = {
  "gelu-erf": geluErf,
  "gelu-tanh": geluTanh,
  relu,
  silu,
};

/** x·Φ(x) with Φ the normal distribution; erfc keeps the digits of small values far left. */
export function geluErf(x: number): number {
  return 0.5 * x * erfc(-x * Math.SQRT1_2);
}

/** 0.5·x·(1 + tanh(u)) with u = √(2/π)·(x + 0.044715·x³), written as x / (1 + exp(−2u)). */
export function geluTanh(x: number): number {
  const u = Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
  return x / (1 + Math.exp(-2 * u));
}

/** x·s(x) with the logistic function s. */
export function silu(x: number): number {
  return x / (1 + Math.exp(-x));
}

/** max(x, 0), and NaN for NaN. */
export function relu(x: number): number {
  return Math.max(x, 0);
}
