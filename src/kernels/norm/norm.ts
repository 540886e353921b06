// Norms of the rows of a table, or of each head of these rows.
import vectors from "../../../shaders/common/vectors.wgsl?raw";
import normStats from "../../../shaders/common/norm-stats.wgsl?raw";
import rowNorm from "../../../shaders/common/row-norm.wgsl?raw";
import source from "../../../shaders/norm/forward.wgsl?raw";
import {
  foldGrid,
  specialise,
  type Constants,
  type Grid,
  type KernelDefinition,
  type KernelVariant,
} from "../../gpu/kernel.js";

/** "layer": by mean and variance. "rms": by the mean square. */
export type NormMethod = "layer" | "rms";

export interface NormOptions {
  readonly method: NormMethod;
  /** vec4s of what is normalised. */
  readonly vectors: number;
}

export type NormBinding = "X" | "gain" | "bias" | "rowTable" | "Y";
export type NormParam =
  | "firstEntry"
  | "rowCount"
  | "normsPerRow"
  | "width"
  | "vectors"
  | "inputStride"
  | "inputOffset"
  | "outputStride"
  | "epsilon"
  | "gainOffset"
  | "addToOutput";

/** How the kernels that find mean and scale are called: shaders/common/row-norm.wgsl. */
export const normParams = {
  firstEntry: "u32",
  rowCount: "u32",
  normsPerRow: "u32",
  width: "u32",
  vectors: "u32",
  inputStride: "u32",
  inputOffset: "u32",
  outputStride: "u32",
  epsilon: "f32",
  gainOffset: "f32",
  addToOutput: "u32",
} as const;
export const normStatsFragments: readonly string[] = [vectors, normStats];
export const normFragments: readonly string[] = [...normStatsFragments, rowNorm];

/** Invocations of a workgroup, which several norms share. */
const THREADS = 64;

/** Invocations that share a norm. Narrow ones, such as those of heads, take fewer lanes, so that few are idle. */
export const normLanes = (own: number): number => (own < 64 ? 16 : 32);

/** The prelude's constants. */
export const normConstants = ({ method, vectors: own }: NormOptions): Constants => ({
  RMS: method === "rms",
  LANES: normLanes(own),
});

/** The grid of kernels that compute so many norms. */
export const gridOfNorms = (norms: number, constants: Constants): Grid =>
  foldGrid(Math.ceil((norms * Number(constants["LANES"])) / THREADS));

export const normGrid = (
  { rowCount, normsPerRow }: Readonly<Record<NormParam, number>>,
  constants: Constants,
): Grid => gridOfNorms(rowCount * normsPerRow, constants);

const forward: KernelDefinition<NormBinding, NormParam> = {
  name: "norm.forward",
  source,
  common: normFragments,
  bindings: { X: "read", gain: "read", bias: "read", rowTable: "read", Y: "readWrite" },
  params: normParams,
  grid: normGrid,
};

export const normVariant = (options: NormOptions): KernelVariant<NormBinding, NormParam> =>
  specialise(forward, normConstants(options));
