// What measuring kernels has shown, kept so that the next load of the same shapes on the same adapter need not measure: in
// memory, and in a page in its localStorage too.
import type { KernelPicks } from "../model/choose-kernels.js";
import { isRecord } from "../weights/json-value.js";

const inMemory = new Map<string, KernelPicks>();

/** The picks that were kept under `key`, or undefined: then they have to be measured. */
export function recallKernels(key: string): KernelPicks | undefined {
  const known = inMemory.get(key);
  if (known) return known;
  try {
    const stored: unknown = JSON.parse(pageStorage()?.getItem(key) ?? "null");
    return isPicks(stored) ? stored : undefined;
  } catch {
    return undefined; // the page may not use its storage, or something else wrote there
  }
}

export function rememberKernels(key: string, picks: KernelPicks): void {
  inMemory.set(key, picks);
  try {
    pageStorage()?.setItem(key, JSON.stringify(picks));
  } catch {
    // The storage is forbidden or full: then the next page measures again.
  }
}

/** Node has a localStorage of its own, of no use here. */
const pageStorage = (): Storage | undefined =>
  typeof document === "object" ? globalThis.localStorage : undefined;

function isPicks(value: unknown): value is KernelPicks {
  return ["linear", "attention"].every((kernel) =>
    ["few", "many"].every((rows) => {
      const figures = member(member(member(value, kernel), rows), "microseconds");
      return isRecord(figures) && Object.values(figures).every((figure) => typeof figure === "number");
    }),
  );
}

const member = (value: unknown, key: string): unknown => (isRecord(value) ? value[key] : undefined);
