// Linear kernels with products in f16, without workgroup memory. All kernels with products in f16 give the same bits, which are
// not those of f32.
import source from "../../../shaders/linear/forward-half.wgsl?raw";
import type { Constants, ElementType, KernelDefinition } from "../../gpu/kernel.js";
import {
  linearInterface,
  linearVariant,
  type LinearBinding,
  type LinearKernel,
  type LinearParam,
} from "./linear.js";

const forward = (element: ElementType): KernelDefinition<LinearBinding, LinearParam> => ({
  name: "linear.forward-half",
  source,
  extensions: ["f16"],
  ...linearInterface(element, "f16"),
  grid: ({ outputVectors, rowCount }, constants) => [
    Math.ceil(outputVectors / Number(constants["VECTORS"]) / Number(constants["WORKGROUP_X"])),
    Math.ceil(rowCount / Number(constants["ROWS"]) / Number(constants["WORKGROUP_Y"])),
    1,
  ],
});

const halfLinear = (name: string, constants: Constants): LinearKernel => ({
  name,
  suits: "any",
  isFor: "software",
  needs: { invocations: 32, bytes: 0, feature: "shader-f16" },
  variant: (activation, element) => linearVariant(forward(element), activation, element, constants),
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
