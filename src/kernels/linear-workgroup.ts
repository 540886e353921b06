// Linear families that share tiles of their operands through workgroup memory.
import activationSource from "../../shaders/common/activation.wgsl?raw";
import source from "../../shaders/linear/forward-workgroup.wgsl?raw";
import { specialise, type ElementType, type KernelDefinition } from "../gpu/kernel.js";
import { linearInterface, type LinearBinding, type LinearFamily, type LinearParam } from "./linear.js";
import { weightReader } from "./weight-reader.js";

const forward = (element: ElementType): KernelDefinition<LinearBinding, LinearParam> => ({
  name: "linear.forward-workgroup",
  source,
  common: [activationSource, weightReader(element)],
  ...linearInterface,
  grid: ({ outputVectors, rowCount }, constants) => [
    Math.ceil((4 * outputVectors) / Number(constants["TILE_COLUMNS"])),
    Math.ceil(rowCount / Number(constants["TILE_ROWS"])),
    1,
  ],
});

/** Tiles of `rows` × `columns`; each invocation has `threadRows` rows of `threadVectors` vec4 columns. */
function workgroupTiled(
  rows: number,
  columns: number,
  threadRows: number,
  threadVectors: number,
): LinearFamily {
  return {
    name: `workgroup-${rows}x${columns}`,
    suits: "many",
    needs: {
      invocations: (columns / 4 / threadVectors) * (rows / threadRows),
      bytes: 64 * (rows + columns),
    },
    variant: (activation, element) =>
      specialise(
        forward(element),
        {
          ACTIVATION: activation,
          TILE_ROWS: rows,
          TILE_COLUMNS: columns,
          THREAD_ROWS: threadRows,
          THREAD_VECTORS: threadVectors,
        },
        element,
      ),
  };
}

/** From small tiles, which fill a GPU with little work, to large ones, which read each operand less often. */
export const workgroupTiledLinears: readonly [LinearFamily, LinearFamily, LinearFamily] = [
  workgroupTiled(32, 64, 4, 1),
  workgroupTiled(64, 64, 4, 1),
  workgroupTiled(128, 128, 8, 2),
];
