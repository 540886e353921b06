// The kernels that there are to choose from where there are several: where a new one is added.
import { registerTiledAttention, type AttentionKernel } from "./attention/attention.js";
import { fewRowAttention } from "./attention/few-row.js";
import { workgroupTiledAttention } from "./attention/workgroup.js";
import { workgroupChooseToken } from "./sampling/choose-token-workgroup.js";
import { invocationChooseToken, type ChooseTokenKernel } from "./sampling/choose-token.js";
import { registerTiledLinear, type LinearKernel } from "./linear/linear.js";
import { fewRowHalfLinear, registerTiledHalfLinear } from "./linear/half.js";
import { fewRowLinear } from "./linear/few-row.js";
import { subgroupTiledLinears } from "./linear/subgroup.js";
import { workgroupTiledHalfLinears, workgroupTiledLinears } from "./linear/workgroup.js";

/** The first entry of a list is the one that runs on every adapter. */
export const linearKernels: readonly [LinearKernel, ...LinearKernel[]] = [
  registerTiledLinear,
  fewRowLinear,
  ...subgroupTiledLinears,
  ...workgroupTiledLinears,
];
/** With products in f16, which all need shader-f16. They give the same bits among themselves. */
export const halfLinearKernels: readonly [LinearKernel, ...LinearKernel[]] = [
  registerTiledHalfLinear,
  fewRowHalfLinear,
  ...workgroupTiledHalfLinears,
];
export const attentionKernels: readonly [AttentionKernel, ...AttentionKernel[]] = [
  registerTiledAttention,
  fewRowAttention,
  workgroupTiledAttention,
];

export const chooseTokenKernels: readonly [ChooseTokenKernel, ...ChooseTokenKernel[]] = [
  invocationChooseToken,
  workgroupChooseToken,
];
