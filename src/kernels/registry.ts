// Every kernel and every variant weft can compile: what tests go through, and where a new family is added.
import type { ElementType, KernelVariant } from "../gpu/kernel.js";
import { registerTiledAttention, type AttentionFamily } from "./attention.js";
import { chooseTokenVariant } from "./choose-token.js";
import { embeddingVariant } from "./embedding.js";
import { layerNormVariant } from "./layer-norm.js";
import { Activation, registerTiledLinear, type LinearFamily } from "./linear.js";
import { logProbabilityVariant } from "./log-probability.js";

/** The first entry of a list is the one that runs on every adapter. */
export const linearFamilies: readonly [LinearFamily, ...LinearFamily[]] = [registerTiledLinear];
export const attentionFamilies: readonly [AttentionFamily, ...AttentionFamily[]] = [registerTiledAttention];

/** Every variant, with attention for the given head widths (in vec4s). */
export function listVariants(element: ElementType, headVectors: readonly number[]): KernelVariant[] {
  const flags = [false, true];
  const linear = linearFamilies.flatMap((family) =>
    Object.values(Activation).flatMap((activation) =>
      flags.flatMap((addToOutput) =>
        flags.map((compactOutput) => family.variant({ activation, addToOutput, compactOutput }, element)),
      ),
    ),
  );
  const attention = attentionFamilies.flatMap((family) =>
    headVectors.flatMap((vectors) =>
      flags.map((isCausal) => family.variant({ headVectors: vectors, isCausal }, element)),
    ),
  );
  return [
    embeddingVariant(element),
    layerNormVariant(element),
    logProbabilityVariant(element),
    chooseTokenVariant(element),
    ...linear,
    ...attention,
  ];
}
