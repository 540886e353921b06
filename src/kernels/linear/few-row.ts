// Linear kernel for dispatches of few rows, as in decoding.
import source from "../../../shaders/linear/forward-few-row.wgsl?raw";
import type { ElementType, KernelDefinition } from "../../gpu/kernel.js";
import {
  linearInterface,
  linearVariant,
  type LinearBinding,
  type LinearKernel,
  type LinearParam,
} from "./linear.js";

const forward = (element: ElementType): KernelDefinition<LinearBinding, LinearParam> => ({
  name: "linear.forward-few-row",
  source,
  ...linearInterface(element),
  grid: ({ outputVectors, rowCount }) => [Math.ceil(outputVectors / 32), Math.ceil(rowCount / 8), 1],
});

/** Four columns per invocation, no workgroup memory; computes only rows that are there. */
export const fewRowLinear: LinearKernel = {
  name: "few-row",
  suits: "any",
  isFor: "software",
  needs: { invocations: 32, bytes: 0 },
  variant: (activation, element) => linearVariant(forward(element), activation, element),
};
