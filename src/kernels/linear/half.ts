// Linear kernels with products in f16, without workgroup memory. All kernels with products in f16 give the same bits, which are
// not those of f32.
import source from "../../../shaders/linear/forward-half.wgsl?raw";
import type { Constants } from "../../gpu/kernel.js";
import { linearVariants, type LinearKernel } from "./linear.js";

const halfLinear = (name: string, constants: Constants): LinearKernel => ({
  name,
  suits: "any",
  isFor: "software",
  needs: { invocations: 32, bytes: 0, feature: "shader-f16" },
  variant: linearVariants({
    name: "linear.forward-half",
    source,
    arithmetic: "f16",
    constants,
    grid: ({ outputVectors, rowCount }, own) => [
      Math.ceil(outputVectors / Number(own["VECTORS"]) / Number(own["WORKGROUP_X"])),
      Math.ceil(rowCount / Number(own["ROWS"]) / Number(own["WORKGROUP_Y"])),
      1,
    ],
  }),
});

/** 8 rows × 8 columns per invocation. */
export const registerTiledHalfLinear: LinearKernel = halfLinear("register-tiled-f16", {
  ROWS: 8,
  VECTORS: 2,
  WORKGROUP_X: 8,
  WORKGROUP_Y: 4,
});

/** Four columns per invocation; computes only rows that are there. */
export const fewRowHalfLinear: LinearKernel = halfLinear("few-row-f16", {
  ROWS: 8,
  VECTORS: 1,
  WORKGROUP_X: 32,
  WORKGROUP_Y: 1,
});
