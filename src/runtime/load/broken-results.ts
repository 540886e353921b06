// Results that are no finite numbers are no results: weights with NaN, an overflow in f16, or an adapter that computes wrongly.
import { DeviceError } from "../../errors.js";

export function brokenResults(what: string): DeviceError {
  return new DeviceError({
    reason: "wrong-results",
    problem: `${what} hold NaN or an infinity`,
    remedy:
      'Load the model with arithmetic: "f32" if it was loaded in f16, and with verify: true to see whether this adapter ' +
      "computes rightly; else its weights hold such numbers.",
  });
}
