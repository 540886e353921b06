// Linear kernels for few rows on a GPU: blocks of K side by side, so that a single row fills many lanes.
import source from "../../../shaders/linear/forward-split.wgsl?raw";
import type { Arithmetic } from "../../tensor/formats.js";
import { linearVariants, type LinearKernel } from "./linear.js";

const split = (arithmetic: Arithmetic): LinearKernel => ({
  name: arithmetic === "f32" ? "split" : "split-f16",
  suits: "few",
  isFor: "gpu",
  needs: { invocations: 64, bytes: 2048, ...(arithmetic === "f32" ? {} : { feature: "shader-f16" }) },
  variant: linearVariants({
    name: arithmetic === "f32" ? "linear.forward-split" : "linear.forward-split-half",
    source,
    arithmetic,
    grid: ({ outputVectors, rowCount }) => [Math.ceil(outputVectors / 2), Math.ceil(rowCount / 8), 1],
  }),
});

/** 8 columns of up to 8 rows per workgroup. */
export const splitLinear: LinearKernel = split("f32");
export const splitHalfLinear: LinearKernel = split("f16");
