// Linear kernels whose invocations pass inputs to each other through their subgroup.
import source from "../../../shaders/linear/forward-subgroup.wgsl?raw";
import { linearVariants, type LinearKernel } from "./linear.js";

/** Register tiles as in `registerTiledLinear`, with a quarter of its loads of X, `columns` wide per workgroup. */
function subgroupTiled(columns: number): LinearKernel {
  const invocations = columns / 8;
  return {
    name: `subgroup-${columns}`,
    suits: "any",
    isFor: "software",
    needs: { invocations, bytes: 0, feature: "subgroups" },
    variant: linearVariants({
      name: "linear.forward-subgroup",
      source,
      extensions: ["subgroups"],
      constants: { WORKGROUP: invocations },
      grid: ({ outputVectors, rowCount }) => [
        Math.ceil(outputVectors / 2 / invocations),
        Math.ceil(rowCount / 8),
        1,
      ],
    }),
  };
}

/** The first wastes nothing where widths are multiples of 128; the second fills subgroups of 32. */
export const subgroupTiledLinears: readonly [LinearKernel, LinearKernel] = [
  subgroupTiled(128),
  subgroupTiled(256),
];
