// Linear kernels whose invocations pass inputs to each other through their subgroup.
import source from "../../../shaders/linear/forward-subgroup.wgsl?raw";
import type { ElementType, KernelDefinition } from "../../gpu/kernel.js";
import {
  linearInterface,
  linearVariant,
  type LinearBinding,
  type LinearKernel,
  type LinearParam,
} from "./linear.js";

const forward = (element: ElementType): KernelDefinition<LinearBinding, LinearParam> => ({
  name: "linear.forward-subgroup",
  source,
  extensions: ["subgroups"],
  ...linearInterface(element),
  grid: ({ outputVectors, rowCount }, constants) => [
    Math.ceil(outputVectors / 2 / Number(constants["WORKGROUP"])),
    Math.ceil(rowCount / 8),
    1,
  ],
});

/** Register tiles as in `registerTiledLinear`, with a quarter of its loads of X, `columns` wide per workgroup. */
function subgroupTiled(columns: number): LinearKernel {
  const invocations = columns / 8;
  return {
    name: `subgroup-${columns}`,
    suits: "any",
    isFor: "software",
    needs: { invocations, bytes: 0, feature: "subgroups" },
    variant: (activation, element) =>
      linearVariant(forward(element), activation, element, { WORKGROUP: invocations }),
  };
}

/** The first wastes nothing where widths are multiples of 128; the second fills subgroups of 32. */
export const subgroupTiledLinears: readonly [LinearKernel, LinearKernel] = [
  subgroupTiled(128),
  subgroupTiled(256),
];
