// How many dispatches a layer has: that of attention, and those of the steps, some of which share one, as they do for few rows where
// the kernel of products normalises them. A split attention has one more, which merges its parts.
import { describe, expect, it } from "vitest";
import { families } from "../../../src/families/encoders/all-families.js";
import { readModelConfig } from "../../../src/families/registry.js";
import { defineModel } from "../../../src/model/definition.js";

const decoder = {
  vocab_size: 320,
  hidden_size: 64,
  intermediate_size: 128,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  rope_theta: 100,
};
const encoder = {
  vocab_size: 320,
  hidden_size: 64,
  intermediate_size: 128,
  num_attention_heads: 4,
  max_position_embeddings: 64,
};

/** What a config.json says besides the layers, and the dispatches of one. */
const kinds: Readonly<Record<string, readonly [config: object, dispatches: number]>> = {
  gpt2: [{ vocab_size: 320, n_embd: 64, n_head: 4, n_positions: 64 }, 5],
  llama: [decoder, 5],
  mistral: [decoder, 5],
  qwen2: [decoder, 5],
  phi3: [decoder, 5],
  smollm3: [decoder, 5],
  gemma: [decoder, 5],
  granite: [{ ...decoder, residual_multiplier: 0.5 }, 5],
  gemma2: [decoder, 7],
  gemma3_text: [decoder, 8],
  qwen3: [decoder, 6],
  olmo2: [decoder, 8],
  gpt_neox: [decoder, 6],
  bert: [encoder, 7],
  roberta: [encoder, 7],
  modernbert: [encoder, 5],
  nomic_bert: [{ ...encoder, hidden_act: "silu" }, 7],
};

describe.each(Object.entries(kinds))("a layer of %s", (modelType, [keys, dispatches]) => {
  /** Attention is one, however many parts it is cut into. */
  const dispatchesOf = (layers: number): number => {
    const family = families.find(({ modelTypes }) => modelTypes.includes(modelType))!;
    const count = modelType === "gpt2" ? { n_layer: layers } : { num_hidden_layers: layers };
    const file = { model_type: modelType, architectures: [family.architectures[0]], ...keys, ...count };
    const { fused, program } = defineModel(readModelConfig(file, "config.json", families), 16);
    return fused.segments.flat().length + program.attention.length;
  };

  it(`has ${dispatches} dispatches`, () => {
    expect(dispatchesOf(3) - dispatchesOf(2)).toBe(dispatches);
  });
});
