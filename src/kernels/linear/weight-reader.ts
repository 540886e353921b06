// The shader functions that read stored weights, whatever their element type is.
import bfloat from "../../../shaders/common/weights-bf16.wgsl?raw";
import columnsBlocks from "../../../shaders/common/columns-blocks.wgsl?raw";
import columnsFloat from "../../../shaders/common/columns-float.wgsl?raw";
import blocks from "../../../shaders/common/weights-blocks.wgsl?raw";
import float from "../../../shaders/common/weights-float.wgsl?raw";
import packed from "../../../shaders/common/weights-packed.wgsl?raw";
import words from "../../../shaders/common/words-single.wgsl?raw";
import type { Constants, ElementType } from "../../gpu/kernel.js";
import { gpuFormats, isBlocks, PANEL, type GpuScaling } from "../../tensor/blocks/gpu-layout.js";

/** The numbers by which the shader knows how values are scaled. */
const scalings: Readonly<Record<GpuScaling, number>> = {
  scale: 0,
  "scale and minimum": 1,
  "whole scales": 2,
  "whole scales and minimums": 3,
};

/** The common fragments that a kernel which reads weights of this type needs. */
export function weightReader(element: ElementType): readonly string[] {
  if (isBlocks(element)) return [blocks, words];
  if (element === "bf16") return [bfloat];
  return [element === "packed-f16" ? packed : float];
}

/** The fragment by which kernels of linear layers read four outputs at a time. */
export function columnReader(element: ElementType): string {
  return isBlocks(element) ? columnsBlocks : columnsFloat;
}

/** The prelude's constants that they need. */
export function weightConstants(element: ElementType): Constants {
  if (!isBlocks(element)) return {};
  const { bits, upperBits, scaling, group, centre } = gpuFormats[element];
  return {
    BITS: bits,
    UPPER_BITS: upperBits,
    SCALING: scalings[scaling],
    GROUP: group,
    CENTRE: centre,
    PANEL,
  };
}
