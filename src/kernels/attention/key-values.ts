// How keys and values are stored: float32, or in a cache on request f16, two to a word.
import float from "../../../shaders/common/key-values-float.wgsl?raw";
import half from "../../../shaders/common/key-values-half.wgsl?raw";
import type { Constants } from "../../gpu/kernel.js";
import type { CacheFormat } from "../../tensor/formats.js";

/** The common fragment that a kernel which reads or stores keys and values needs. */
export const keyValueFragment = (format: CacheFormat): string => (format === "f16" ? half : float);

/** Tells variants apart. */
export const keyValueConstants = (format: CacheFormat): Constants =>
  format === "f16" ? { HALF_KEY_VALUES: true } : {};
