// Which layers keep whole sentences in generation, and what a context takes.
import { expect, it } from "vitest";
import { readModelConfig } from "../../../src/families/registry.js";
import { cacheLayersOf, contextCacheBytes } from "../../../src/model/cache-layers.js";
import { defineModel, type ModelDefinition } from "../../../src/model/definition.js";

const define = (more: object): ModelDefinition =>
  defineModel(
    readModelConfig({
      num_hidden_layers: 6,
      hidden_size: 8,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      head_dim: 4,
      intermediate_size: 8,
      vocab_size: 11,
      max_position_embeddings: 1000,
      ...more,
    }),
    16,
  );

it("tells layers that see a window from those that see whole sentences", () => {
  const gemma = define({ model_type: "gemma3_text", sliding_window: 100 });
  expect(cacheLayersOf(gemma.program, 1000)).toEqual({
    whole: [5],
    windowed: [0, 1, 2, 3, 4],
    window: { keys: 100, block: 64 },
  });
  // A token has 2 vectors of 4 numbers.
  expect(contextCacheBytes(gemma, "f32")).toBe(32 * (1000 + 5 * 164));
  expect(contextCacheBytes(gemma, "f16")).toBe(16 * (1000 + 5 * 164));
});

it("takes a window as wide as the context for none", () => {
  for (const model of [
    define({ model_type: "mistral", sliding_window: 1000 }),
    define({ model_type: "llama" }),
  ]) {
    expect(cacheLayersOf(model.program, 1000)).toMatchObject({ windowed: [], window: undefined });
    expect(contextCacheBytes(model, "f32")).toBe(32 * 6 * 1000);
  }
});
