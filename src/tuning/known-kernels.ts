// Checks the form of a remembered record of kernels, because a page's storage may hold anything.
import type { KernelPicks } from "./choose.js";
import { isRecord } from "../util/json-value.js";

export function isKernelPicks(value: unknown): value is KernelPicks {
  return ["linear", "attention"].every((kernel) =>
    ["few", "many"].every((rows) => {
      const pick = member(member(value, kernel), rows);
      const [figures, unmeasured] = [member(pick, "microseconds"), member(pick, "unmeasured")];
      return (
        isRecord(figures) &&
        Object.values(figures).every((figure) => typeof figure === "number") &&
        Array.isArray(unmeasured)
      );
    }),
  );
}

const member = (value: unknown, key: string): unknown => (isRecord(value) ? value[key] : undefined);
