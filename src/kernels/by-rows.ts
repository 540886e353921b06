// A dispatch of few rows may use another kernel than one of many: all kernels of a layer give the same bits.
import type { AttentionKernel } from "./attention/attention.js";
import type { LinearKernel } from "./linear/linear.js";

/** Up to this many rows of a linear layer, or query blocks of attention, count as few. Decoding has as many. */
const FEW_ROWS = 8;

/** One for dispatches of few rows, one for all others. */
export interface ByRows<R> {
  readonly few: R;
  readonly many: R;
}

/** Which kernels a model uses. */
export interface KernelChoice {
  readonly linear: ByRows<LinearKernel>;
  readonly attention: ByRows<AttentionKernel>;
}

export const areFew = (rows: number): boolean => rows <= FEW_ROWS;

/** The one for a dispatch of `rows` rows. */
export const pickForRows = <R>({ few, many }: ByRows<R>, rows: number): R => (areFew(rows) ? few : many);
