// Rotary positions of queries and keys, on their way to where attention reads them. Nothing is turned where models have none.
import fragment from "../../../shaders/common/rotary.wgsl?raw";
import source from "../../../shaders/rotary/forward.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";
import type { CacheFormat } from "../../tensor/formats.js";
import { keyValueConstants, keyValueFragment } from "../attention/key-values.js";

/** Positions whose angles the first table has. The second has those of every so many. */
export const FINE_POSITIONS = 256;

export const rotaryFragments: readonly string[] = [fragment];

export type RotaryBinding = "Q" | "K" | "V" | "angles" | "rowInfo" | "rowTable" | "Q2" | "KV";
export type RotaryParam =
  | "firstEntry"
  | "rowCount"
  | "slotEntry"
  | "headVectors"
  | "turnedVectors"
  | "queryVectors"
  | "keyVectors"
  | "queryStride"
  | "keyStride"
  | "keyOffset";

const forward = (keyValues: CacheFormat): KernelDefinition<RotaryBinding, RotaryParam> => ({
  name: "rotary.forward",
  source,
  common: [...rotaryFragments, keyValueFragment(keyValues)],
  bindings: {
    Q: "read",
    K: "read",
    V: "read",
    angles: "read",
    rowInfo: "read",
    rowTable: "read",
    Q2: "readWrite",
    KV: "readWrite",
  },
  params: {
    firstEntry: "u32",
    rowCount: "u32",
    slotEntry: "u32",
    headVectors: "u32",
    turnedVectors: "u32",
    queryVectors: "u32",
    keyVectors: "u32",
    queryStride: "u32",
    keyStride: "u32",
    keyOffset: "u32",
  },
  grid: ({ rowCount, queryVectors, keyVectors }) =>
    foldGrid(Math.ceil((rowCount * (queryVectors + 2 * keyVectors)) / 64)),
});

/** `keyValues`: how KV is stored. */
export const rotaryVariant = (keyValues: CacheFormat): KernelVariant<RotaryBinding, RotaryParam> =>
  specialise(forward(keyValues), keyValueConstants(keyValues));
