// Which kernels a model uses for linear layers, attention and the choice of tokens, where nothing was measured. All kernels of
// an arithmetic give the same bits, so that dispatches of few rows may use another than those of many.
import type { AdapterDescription } from "../gpu/queue.js";
import { fewRowAttention } from "../kernels/attention/few-row.js";
import type { KernelChoice } from "../kernels/by-rows.js";
import { workgroupTiledAttention } from "../kernels/attention/workgroup.js";
import { registerTiledAttention } from "../kernels/attention/attention.js";
import { fewRowHalfLinear, registerTiledHalfLinear } from "../kernels/linear/half.js";
import { fewRowLinear } from "../kernels/linear/few-row.js";
import { subgroupTiledLinears } from "../kernels/linear/subgroup.js";
import { workgroupTiledHalfLinears, workgroupTiledLinears } from "../kernels/linear/workgroup.js";
import { registerTiledLinear } from "../kernels/linear/linear.js";
import type { Arithmetic } from "../tensor/formats.js";

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
