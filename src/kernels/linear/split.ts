// Linear kernels for few rows on a GPU: blocks of K side by side, so that a single row fills many lanes.
import inputSource from "../../../shaders/common/linear-input.wgsl?raw";
import source from "../../../shaders/linear/forward-split.wgsl?raw";
import type { Arithmetic } from "../../tensor/formats.js";
import { linearVariants, normedLinearVariants, type LinearKernel, type LinearShader } from "./linear.js";

const split = (arithmetic: Arithmetic): LinearKernel => {
  const shader: LinearShader = {
    name: arithmetic === "f32" ? "linear.forward-split" : "linear.forward-split-half",
    source,
    arithmetic,
    input: [inputSource],
    grid: ({ outputVectors, rowCount }) => [Math.ceil(outputVectors / 2), Math.ceil(rowCount / 8), 1],
  };
  return {
    name: arithmetic === "f32" ? "split" : "split-f16",
    suits: "few",
    isFor: "gpu",
    needs: { invocations: 64, bytes: 2624, ...(arithmetic === "f32" ? {} : { feature: "shader-f16" }) },
    variant: linearVariants(shader),
    normedVariant: normedLinearVariants(shader),
  };
};

/** 8 columns of up to 8 rows per workgroup. */
export const splitLinear: LinearKernel = split("f32");
export const splitHalfLinear: LinearKernel = split("f16");
