// Holds results against NaN and infinities before they are handed out.
import { brokenResults } from "../load/broken-results.js";
import type { OutputKind } from "./output.js";

/** What the values of an output are, in words. */
const names: Readonly<Record<OutputKind, string>> = {
  last: "Logits",
  all: "Logits",
  chosen: "Logits",
  hidden: "Rows",
  pooled: "Pooled rows",
  logProbabilities: "Log-probabilities",
};

/** @throws DeviceError ("wrong-results"). `values`: those of each sentence. */
export function expectFinite(values: readonly Float32Array[], output: OutputKind): void {
  for (const [index, own] of values.entries())
    for (const value of own)
      if (!Number.isFinite(value)) throw brokenResults(`${names[output]} of sentence ${index}`);
}
