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
import { splitHalfLinear, splitLinear } from "../kernels/linear/split.js";
import { tiledHalfLinears, tiledLinears } from "../kernels/linear/tiled.js";
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
      ? isSoftware
        ? { few: fewRowHalfLinear, many: registerTiledHalfLinear }
        : { few: splitHalfLinear, many: tiledHalfLinears[1] }
      : {
          few: isSoftware ? fewRowLinear : splitLinear,
          many: !isSoftware ? tiledLinears[2] : hasSubgroups ? subgroupTiledLinears[0] : registerTiledLinear,
        },
  attention: isSoftware
    ? { few: serialAttention, many: serialAttention }
    : { few: splitAttention, many: tiledAttention },
});
