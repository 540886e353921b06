// Linear kernels that share tiles of their operands through workgroup memory.
import source from "../../../shaders/linear/forward-tiled.wgsl?raw";
import type { Arithmetic } from "../../tensor/formats.js";
import { linearVariants, type LinearKernel } from "./linear.js";

/** Tiles of `rows` × `columns`; each invocation has `threadRows` rows of `threadVectors` vec4 columns. */
function tiled(
  rows: number,
  columns: number,
  threadRows: number,
  threadVectors: number,
  arithmetic: Arithmetic = "f32",
): LinearKernel {
  const isHalf = arithmetic === "f16";
  return {
    name: `tiled-${rows}x${columns}${isHalf ? "-f16" : ""}`,
    suits: "many",
    isFor: "gpu",
    needs: {
      invocations: (columns / 4 / threadVectors) * (rows / threadRows),
      bytes: (isHalf ? 32 : 64) * (rows + columns),
      ...(isHalf ? { feature: "shader-f16" } : {}),
    },
    variant: linearVariants({
      name: isHalf ? "linear.forward-tiled-half" : "linear.forward-tiled",
      source,
      arithmetic,
      constants: {
        TILE_ROWS: rows,
        TILE_COLUMNS: columns,
        THREAD_ROWS: threadRows,
        THREAD_VECTORS: threadVectors,
      },
      grid: ({ outputVectors, rowCount }) => [
        Math.ceil((4 * outputVectors) / columns),
        Math.ceil(rowCount / rows),
        1,
      ],
    }),
  };
}

/** From small tiles, which fill a GPU with little work, to large ones, which read each operand less often. */
export const tiledLinears: readonly [LinearKernel, LinearKernel, LinearKernel, LinearKernel] = [
  tiled(32, 64, 4, 2),
  tiled(64, 64, 8, 2),
  tiled(64, 128, 8, 2),
  tiled(128, 128, 8, 2),
];

/** With products in f16. */
export const tiledHalfLinears: readonly [LinearKernel, LinearKernel, LinearKernel] = [
  tiled(64, 64, 8, 2, "f16"),
  tiled(64, 128, 8, 2, "f16"),
  tiled(128, 128, 8, 2, "f16"),
];
