// Linear kernel for dispatches of few rows, as in decoding.
import source from "../../../shaders/linear/forward-few-row.wgsl?raw";
import { linearVariants, type LinearKernel } from "./linear.js";

/** Four columns per invocation, no workgroup memory; computes only rows that are there. */
export const fewRowLinear: LinearKernel = {
  name: "few-row",
  suits: "any",
  isFor: "software",
  needs: { invocations: 32, bytes: 0 },
  variant: linearVariants({
    name: "linear.forward-few-row",
    source,
    grid: ({ outputVectors, rowCount }) => [Math.ceil(outputVectors / 32), Math.ceil(rowCount / 8), 1],
  }),
};
