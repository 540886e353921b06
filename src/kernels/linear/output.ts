// What becomes of the sums of a linear layer: every kernel can store them in each of these ways.
import activation from "../../../shaders/common/activation.wgsl?raw";
import attention from "../../../shaders/common/linear-attention.wgsl?raw";
import gated from "../../../shaders/common/linear-gated.wgsl?raw";
import normAttention from "../../../shaders/common/linear-norm-attention.wgsl?raw";
import normRows from "../../../shaders/common/linear-norm-rows.wgsl?raw";
import rows from "../../../shaders/common/linear-rows.wgsl?raw";
import type { Access, Constants, ParameterType } from "../../gpu/kernel.js";
import type { CacheFormat } from "../../tensor/formats.js";
import { keyValueConstants, keyValueFragment } from "../attention/key-values.js";
import { rotaryFragments } from "../rotary/rotary.js";

/** The parameters that each of them begins with. */
export type LinearSharedParam = "firstEntry" | "rowCount" | "inputVectors" | "outputVectors";

/** `B`: the bindings behind those of the inputs. `P`: all parameters. */
export interface LinearOutput<B extends string, P extends string> {
  readonly fragments: readonly string[];
  /** The bindings of gain and bias where X is normalised first, which stand behind these. */
  readonly normBindings: string;
  readonly bindings: Readonly<Record<B, Access>>;
  readonly params: Readonly<Record<P | LinearSharedParam, ParameterType>>;
  /** Tells variants apart. */
  readonly constants: Constants;
}

/** What a dispatch does besides the product and the bias. Flags may be combined. */
export const LinearFlag = {
  /** Apply the model's activation. */
  activate: 1,
  /** Add to Y instead of setting it, as a residual connection does. */
  addToOutput: 2,
  /** Row i of the table goes to row i of Y, instead of to the row that the table lists for it. */
  compactOutput: 4,
} as const;

const shared = {
  firstEntry: "u32",
  rowCount: "u32",
  inputVectors: "u32",
  outputVectors: "u32",
} as const;

export type LinearParam =
  LinearSharedParam | "outputStride" | "outputOffset" | "outputEntry" | "flags" | "factor";

/** Rows of Y, set or added to. */
export const rowOutput: LinearOutput<"Y", LinearParam> = {
  fragments: [activation, rows],
  normBindings: normRows,
  bindings: { Y: "readWrite" },
  params: {
    ...shared,
    outputStride: "u32",
    outputOffset: "u32",
    outputEntry: "u32",
    flags: "u32",
    factor: "f32",
  },
  constants: {},
};

/** The gated product of an MLP. */
export const gatedOutput: LinearOutput<"Y", LinearSharedParam> = {
  fragments: [activation, gated],
  normBindings: normRows,
  bindings: { Y: "readWrite" },
  params: shared,
  constants: { GATED: true },
};

export type AttentionInputParam =
  | LinearSharedParam
  | "outputOffset"
  | "slotEntry"
  | "positionEntry"
  | "headVectors"
  | "turnedVectors"
  | "queryVectors"
  | "keyVectors";

/** Queries, keys and values, where attention reads them. `keyValues`: how KV is stored. */
export const attentionOutput = (
  keyValues: CacheFormat,
): LinearOutput<"angles" | "Q" | "KV", AttentionInputParam> => ({
  fragments: [...rotaryFragments, keyValueFragment(keyValues), attention],
  normBindings: normAttention,
  bindings: { angles: "read", Q: "readWrite", KV: "readWrite" },
  params: {
    ...shared,
    outputOffset: "u32",
    slotEntry: "u32",
    positionEntry: "u32",
    headVectors: "u32",
    turnedVectors: "u32",
    queryVectors: "u32",
    keyVectors: "u32",
  },
  constants: { ATTENTION_INPUT: true, ...keyValueConstants(keyValues) },
});
