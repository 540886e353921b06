// The gated product of an MLP in float64: https://arxiv.org/abs/2002.05202.
import { activations, type Activation } from "./activation.js";
import { activationDerivatives } from "./activation-backward.js";

/** activation(gate) · up. x (rows, 2, F): gates, then ups. Result (rows, F). */
export function gateForward({
  x,
  F,
  activation,
}: {
  x: ArrayLike<number>;
  F: number;
  activation: Activation;
}): Float64Array {
  const act = activations[activation];
  return Float64Array.from({ length: x.length / 2 }, (_, index) => {
    const at = 2 * F * Math.floor(index / F) + (index % F);
    return act(x[at]!) * x[at + F]!;
  });
}

/** The gradient of x, (rows, 2, F), from that of the result. */
export function gateBackward({
  x,
  dY,
  F,
  activation,
}: {
  x: ArrayLike<number>;
  dY: ArrayLike<number>;
  F: number;
  activation: Activation;
}): Float64Array {
  const [act, slope] = [activations[activation], activationDerivatives[activation]];
  const result = new Float64Array(x.length);
  for (let index = 0; index < dY.length; index++) {
    const at = 2 * F * Math.floor(index / F) + (index % F);
    result[at] = dY[index]! * x[at + F]! * slope(x[at]!);
    result[at + F] = dY[index]! * act(x[at]!);
  }
  return result;
}
