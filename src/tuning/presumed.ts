// The kernels that a model uses for linear layers and attention if nothing was measured. All kernels of an arithmetic give the
// same bits, so dispatches of few rows may use another kernel than those of many.
import type { AdapterDescription } from "../gpu/queue.js";
import type { KernelChoice } from "../kernels/by-rows.js";
import { serialAttention } from "../kernels/attention/serial.js";
import { splitAttention } from "../kernels/attention/split.js";
import { tiledAttention } from "../kernels/attention/tiled.js";
import { fewRowHalfLinear, registerTiledHalfLinear } from "../kernels/linear/half.js";
import { fewRowLinear } from "../kernels/linear/few-row.js";
import { subgroupTiledLinears } from "../kernels/linear/subgroup.js";
import { workgroupTiledHalfLinears, workgroupTiledLinears } from "../kernels/linear/workgroup.js";
import { registerTiledLinear } from "../kernels/linear/linear.js";
import type { Arithmetic } from "../tensor/formats.js";

/**
 * Returns the kernels that are probably fast. A CPU shares tiles through its caches, and barriers are expensive there; a GPU
 * needs workgroup memory to feed its units. On SwiftShader, passing inputs on in subgroups is 1.1 to 1.4 times as fast as loading
 * them, and 1.6 to 1.9 times on lavapipe, but not for the single rows of one request.
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
    ? { few: serialAttention, many: serialAttention }
    : { few: splitAttention, many: tiledAttention },
});
