// Norms of queries and keys, and their rotary positions, in one dispatch.
import source from "../../../shaders/rotary/forward-normed.wgsl?raw";
import { specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";
import type { CacheFormat } from "../../tensor/formats.js";
import { keyValueConstants, keyValueFragment } from "../attention/key-values.js";
import { gridOfNorms, normConstants, normStatsFragments } from "../norm/norm.js";
import { rotaryFragments } from "./rotary.js";

export type NormedRotaryBinding = "X" | "queryGain" | "keyGain" | "bias" | "angles" | "rowTable" | "Q" | "KV";
export type NormedRotaryParam =
  | "firstEntry"
  | "rowCount"
  | "slotEntry"
  | "positionEntry"
  | "headVectors"
  | "turnedVectors"
  | "queryVectors"
  | "keyVectors"
  | "queryNorms"
  | "keyNorms"
  | "queryWidth"
  | "keyWidth"
  | "epsilon"
  | "gainOffset";

const forward = (keyValues: CacheFormat): KernelDefinition<NormedRotaryBinding, NormedRotaryParam> => ({
  name: "rotary.forward-normed",
  source,
  common: [...normStatsFragments, ...rotaryFragments, keyValueFragment(keyValues)],
  bindings: {
    X: "read",
    queryGain: "read",
    keyGain: "read",
    bias: "read",
    angles: "read",
    rowTable: "read",
    Q: "readWrite",
    KV: "readWrite",
  },
  params: {
    firstEntry: "u32",
    rowCount: "u32",
    slotEntry: "u32",
    positionEntry: "u32",
    headVectors: "u32",
    turnedVectors: "u32",
    queryVectors: "u32",
    keyVectors: "u32",
    queryNorms: "u32",
    keyNorms: "u32",
    queryWidth: "u32",
    keyWidth: "u32",
    epsilon: "f32",
    gainOffset: "f32",
  },
  grid: ({ rowCount, queryNorms, keyNorms }, constants) =>
    gridOfNorms(rowCount * (queryNorms + 2 * keyNorms), constants),
});

/** `vectors`: vec4s of a norm of queries or of keys, which take the same number of lanes. `keyValues`: how KV is stored. */
export const normedRotaryVariant = (
  vectors: number,
  keyValues: CacheFormat,
): KernelVariant<NormedRotaryBinding, NormedRotaryParam> =>
  specialise(forward(keyValues), {
    ...normConstants({ method: "rms", vectors }),
    ...keyValueConstants(keyValues),
  });
