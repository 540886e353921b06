// Which family of each kernel a model uses. All families of an arithmetic give the same bits, so that dispatches of few rows may
// use another than those of many.
import type { AdapterDescription } from "../gpu/queue.js";
import { fewRowAttention } from "../kernels/attention/few-row.js";
import { workgroupTiledAttention } from "../kernels/attention/workgroup.js";
import { registerTiledAttention, type AttentionFamily } from "../kernels/attention/attention.js";
import { workgroupChooseToken } from "../kernels/sampling/choose-token-workgroup.js";
import { invocationChooseToken, type ChooseTokenFamily } from "../kernels/sampling/choose-token.js";
import { fewRowHalfLinear, registerTiledHalfLinear } from "../kernels/linear/half.js";
import { fewRowLinear } from "../kernels/linear/few-row.js";
import { subgroupTiledLinears } from "../kernels/linear/subgroup.js";
import { workgroupTiledHalfLinears, workgroupTiledLinears } from "../kernels/linear/workgroup.js";
import { registerTiledLinear, type LinearFamily } from "../kernels/linear/linear.js";
import type { Arithmetic } from "../tensor/formats.js";

/** Rows of a dispatch of a linear layer, and query blocks of one of attention, that count as few: those of decoding. */
const FEW_ROWS = 8;

/** One for dispatches of few rows, one for all others. */
export interface ByRows<R> {
  readonly few: R;
  readonly many: R;
}

export interface KernelChoice {
  readonly linear: ByRows<LinearFamily>;
  readonly attention: ByRows<AttentionFamily>;
}

/** The one for a dispatch of `rows` rows. */
export const pickForRows = <R>({ few, many }: ByRows<R>, rows: number): R => (rows <= FEW_ROWS ? few : many);

/**
 * What is fast where nothing was measured: a CPU shares tiles through its caches, and barriers cost it dearly; a GPU needs
 * workgroup memory to feed its units. Passing inputs on in subgroups is 1.1 to 1.4 times as fast as loading them on
 * SwiftShader, and 1.6 to 1.9 times on lavapipe, but not for the single rows of one request.
 */
export const presumedChoice = (
  { isSoftware, hasSubgroups }: AdapterDescription,
  arithmetic: Arithmetic,
): KernelChoice => ({
  linear:
    arithmetic === "f16"
      ? { few: fewRowHalfLinear, many: isSoftware ? registerTiledHalfLinear : workgroupTiledHalfLinears[0] }
      : {
          few: fewRowLinear,
          many: !isSoftware
            ? workgroupTiledLinears[1]
            : hasSubgroups
              ? subgroupTiledLinears[0]
              : registerTiledLinear,
        },
  attention: isSoftware
    ? { few: registerTiledAttention, many: registerTiledAttention }
    : { few: fewRowAttention, many: workgroupTiledAttention },
});

/** How tokens are chosen: not measured, as what is fast depends on whether there are many invocations to share a row. */
export const presumedChooseToken = ({ isSoftware }: AdapterDescription): ChooseTokenFamily =>
  isSoftware ? invocationChooseToken : workgroupChooseToken;
