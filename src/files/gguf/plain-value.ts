// Values of keys as plain JavaScript: what most readers want to know of them.
import type { ArrayValue, MetadataValue, ScalarValue } from "./metadata-values.js";

/**
 * A number, text, boolean or list of them. 64-bit integers are numbers if they are exact, else BigInts. A float32 is the shortest
 * decimal that rounds to it, as 1e-5 is meant where 0.000009999999747378752 is stored.
 */
export function plainValue(value: MetadataValue): unknown {
  return value.type === "array" ? plainArray(value) : plainScalar(value.value, value.type);
}

function plainArray({ of, values }: ArrayValue): unknown[] {
  if (of === "array") return (values as readonly ArrayValue[]).map(plainArray);
  if (of === "string" || of === "bool") return values as unknown[];
  return Array.from(values as ArrayLike<ScalarValue>, (item) => plainScalar(item, of));
}

function plainScalar(value: ScalarValue, type: string): ScalarValue {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  return type === "float32" ? shortestDecimal(value as number) : value;
}

/** The decimal of the fewest digits that rounds to this float32. */
export function shortestDecimal(value: number): number {
  if (!Number.isFinite(value)) return value;
  for (let digits = 1; digits < 9; digits++) {
    const decimal = Number(value.toPrecision(digits));
    if (Math.fround(decimal) === value) return decimal;
  }
  return value;
}
