// The kernels to choose from. Add a new one here: see EXTENDING.md.
import type { AttentionKernel } from "./attention/attention.js";
import { serialAttention } from "./attention/serial.js";
import { splitAttention } from "./attention/split.js";
import { tiledAttention } from "./attention/tiled.js";
import { spansChooseToken } from "./sampling/choose-among-spans.js";
import { invocationChooseToken, type ChooseTokenKernel } from "./sampling/choose-token.js";
import { registerTiledLinear, type LinearKernel } from "./linear/linear.js";
import { fewRowHalfLinear, registerTiledHalfLinear } from "./linear/half.js";
import { fewRowLinear } from "./linear/few-row.js";
import { subgroupTiledLinears } from "./linear/subgroup.js";
import { splitHalfLinear, splitLinear } from "./linear/split.js";
import { tiledHalfLinears, tiledLinears } from "./linear/tiled.js";

/** The first entry of a list is the one that runs on every adapter. */
export const linearKernels: readonly [LinearKernel, ...LinearKernel[]] = [
  registerTiledLinear,
  fewRowLinear,
  ...subgroupTiledLinears,
  splitLinear,
  ...tiledLinears,
];
/** Kernels with products in f16. All need shader-f16, and give the same bits as each other. */
export const halfLinearKernels: readonly [LinearKernel, ...LinearKernel[]] = [
  registerTiledHalfLinear,
  fewRowHalfLinear,
  splitHalfLinear,
  ...tiledHalfLinears,
];
export const attentionKernels: readonly [AttentionKernel, ...AttentionKernel[]] = [
  serialAttention,
  splitAttention,
  tiledAttention,
];

export const chooseTokenKernels: readonly [ChooseTokenKernel, ...ChooseTokenKernel[]] = [
  invocationChooseToken,
  spansChooseToken,
];
