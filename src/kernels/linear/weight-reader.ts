// The shader functions that read stored weights, whatever their element type is.
import float from "../../../shaders/common/weights-float.wgsl?raw";
import packed from "../../../shaders/common/weights-packed.wgsl?raw";
import type { ElementType } from "../../gpu/kernel.js";

/** The common fragment that a kernel which reads weights of this type needs. */
export const weightReader = (element: ElementType): string => (element === "packed-f16" ? packed : float);
