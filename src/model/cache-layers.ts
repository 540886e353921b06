// Which layers keep keys and values of whole sentences in generation, and which only those that a window still sees.
import { KEY_BLOCK } from "../kernels/attention/attention.js";
import type { CacheFormat } from "../tensor/formats.js";
import type { ModelDefinition } from "./definition.js";
import type { Program } from "./program.js";
import { keyValueRowBytes } from "./shape.js";

export interface CacheLayers {
  /** Layers whose rows see whole sentences, and those whose rows see a window. */
  readonly whole: readonly number[];
  readonly windowed: readonly number[];
  /** The widest window, in keys, and the blocks in which keys are read. Undefined if no layer has one. */
  readonly window: { readonly keys: number; readonly block: number } | undefined;
}

/** A window as wide as the context is none. */
export function cacheLayersOf({ attention }: Pick<Program, "attention">, contextLength: number): CacheLayers {
  const whole: number[] = [];
  const windowed: number[] = [];
  let keys = 0;
  for (const { layer, step } of attention) {
    if (step.causal && step.window !== undefined && step.window < contextLength) {
      windowed.push(layer);
      keys = Math.max(keys, step.window);
    } else whole.push(layer);
  }
  return { whole, windowed, window: windowed.length === 0 ? undefined : { keys, block: KEY_BLOCK } };
}

/** Bytes of the keys and values that one sequence of a whole context keeps, over all layers. */
export function contextCacheBytes({ program, shape }: ModelDefinition, format: CacheFormat): number {
  const { contextLength } = shape;
  const { whole, windowed, window } = cacheLayersOf(program, contextLength);
  const seen = window ? Math.min(contextLength, window.keys + window.block) : 0;
  return keyValueRowBytes(shape, format) * (whole.length * contextLength + windowed.length * seen);
}
