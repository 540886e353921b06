// What config.json of decoders says, in files of every age, and what is refused by name.
import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../../src/errors.js";
import type { ModelConfig } from "../../../src/families/model-config.js";
import { families } from "../../../src/families/encoders/all-families.js";
import { readModelConfig } from "../../../src/families/registry.js";
import { describeWithModel, readSharedText, sharedPath } from "../../helpers/shared-models.js";

const sizes = {
  hidden_size: 48,
  intermediate_size: 112,
  num_hidden_layers: 6,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  vocab_size: 131,
  max_position_embeddings: 128,
};

const read = (config: object): ModelConfig => readModelConfig(config, "config.json", families).config;
const typed = (type: string, more: object = {}): ModelConfig => read({ model_type: type, ...sizes, ...more });
const windowsOf = ({ attention }: ModelConfig): (number | undefined)[] =>
  attention!.map(({ window }) => window);
const rotationsOf = ({ attention }: ModelConfig): (number | undefined)[] =>
  attention!.map(({ rotation }) => rotation);

describe("files of every age", () => {
  it.each([
    [
      "llama",
      { rope_theta: 5e5, rope_scaling: null },
      { rope_parameters: { rope_theta: 5e5, rope_type: "default" } },
    ],
    [
      "llama",
      { rope_theta: 5e5, rope_scaling: { type: "linear", factor: 4 } },
      { rope_parameters: { rope_theta: 5e5, rope_type: "linear", factor: 4 } },
    ],
    [
      "gemma3_text",
      {
        rope_theta: 1e6,
        rope_local_base_freq: 1e4,
        rope_scaling: { rope_type: "linear", factor: 8 },
        sliding_window: 9,
        sliding_window_pattern: 3,
      },
      {
        rope_parameters: {
          full_attention: { rope_type: "linear", factor: 8, rope_theta: 1e6 },
          sliding_attention: { rope_type: "default", rope_theta: 1e4 },
        },
        sliding_window: 9,
        layer_types: ["sliding", "sliding", "full", "sliding", "sliding", "full"].map(
          (own) => `${own}_attention`,
        ),
      },
    ],
    [
      "gpt_neox",
      { rotary_pct: 0.5, rotary_emb_base: 500 },
      { rope_parameters: { partial_rotary_factor: 0.5, rope_theta: 500, rope_type: "default" } },
    ],
    [
      "gemma2",
      { sliding_window: 9 },
      {
        sliding_window: 9,
        layer_types: Array.from({ length: 6 }, (_, l) => (l % 2 ? "full_attention" : "sliding_attention")),
      },
    ],
  ])("say the same of %s", (type, older, newer) => {
    expect(typed(type, newer)).toEqual(typed(type, older));
  });

  it("leave out what their classes presume", () => {
    expect(windowsOf(typed("mistral", { max_position_embeddings: 8192 }))).toEqual(Array(6).fill(4096));
    expect(windowsOf(typed("mistral", { sliding_window: null }))).toEqual(Array(6).fill(undefined));
    expect(typed("qwen3")).toMatchObject({ headWidth: 128, keyValueHeads: 2 });
    expect(typed("mistral", { num_key_value_heads: undefined, num_attention_heads: 24 })).toMatchObject({
      keyValueHeads: 24,
    });
    expect(typed("gemma3_text")).toMatchObject({ tiedHead: true, headWidth: 256, scoreScale: 1 / 16 });
    expect(typed("gemma2")).toMatchObject({ scoreCap: 50, logitCap: 30 });
    expect(typed("gemma2", { attn_logit_softcapping: null }).scoreCap).toBeUndefined();
    expect(typed("gemma", { hidden_act: "gelu", hidden_activation: null }).activation).toBe(
      "gelu_pytorch_tanh",
    );
    expect(typed("gemma", { hidden_activation: "gelu" }).activation).toBe("gelu");
    expect(rotationsOf(typed("smollm3"))).toEqual([0, 0, 0, undefined, 0, 0]);
    expect(typed("qwen2").biases).toEqual({ attention: true, projection: false, mlp: false });
    expect(typed("llama", { attention_bias: true }).biases).toEqual({
      attention: true,
      projection: true,
      mlp: false,
    });
  });

  it("have windows in the layers that the family says", () => {
    expect(windowsOf(typed("qwen2", { sliding_window: 9, max_window_layers: 3 }))).toEqual(
      Array(6).fill(undefined),
    );
    const flagged = { sliding_window: 9, use_sliding_window: true, max_window_layers: 3 };
    expect(windowsOf(typed("qwen2", flagged))).toEqual([undefined, undefined, undefined, 9, 9, 9]);
    expect(windowsOf(typed("smollm3", flagged))).toEqual([
      undefined,
      undefined,
      undefined,
      9,
      undefined,
      undefined,
    ]);
    expect(windowsOf(typed("gemma3_text", { sliding_window: 9 }))).toEqual([9, 9, 9, 9, 9, undefined]);
    expect(windowsOf(typed("phi3", { sliding_window: 262144 }))).toEqual(Array(6).fill(undefined));
  });

  it("of multimodal models have the text model inside", () => {
    const text = { model_type: "gemma3_text", ...sizes, head_dim: 16 };
    const { config, configFile } = readModelConfig({
      model_type: "gemma3",
      architectures: ["Gemma3ForConditionalGeneration"],
      text_config: text,
      vision_config: { hidden_size: 7 },
    });
    expect(config).toEqual(read(text));
    expect(configFile).toEqual({ ...text, architectures: ["Gemma3ForCausalLM"] });
    // Published files leave most sizes out.
    const small = readModelConfig({
      model_type: "gemma3",
      text_config: {
        hidden_size: 2560,
        intermediate_size: 10240,
        num_hidden_layers: 34,
        sliding_window: 1024,
      },
    });
    expect(small.config).toMatchObject({
      heads: 8,
      keyValueHeads: 4,
      headWidth: 256,
      vocabularySize: 262208,
    });
  });
});

const frequencies = (more: object): readonly number[] => typed("llama", more).rotations![0]!.frequencies;

describe("rotary positions", () => {
  it("turn each pair more slowly than the one before", () => {
    expect(frequencies({ rope_theta: 16 })).toEqual([1, 0.5, 0.25, 0.125]);
    expect(frequencies({ rope_theta: 16, rope_scaling: { type: "linear", factor: 2 } })).toEqual([
      0.5, 0.25, 0.125, 0.0625,
    ]);
  });

  it("end the context where longrope has other factors", () => {
    const longrope = {
      rope_scaling: { type: "longrope", short_factor: [1, 2, 4, 8], long_factor: [9, 9, 9, 9] },
      original_max_position_embeddings: 64,
      rope_theta: 16,
    };
    const config = typed("phi3", longrope);
    expect(config.contextLength).toBe(64);
    expect(config.rotations).toEqual([
      { frequencies: [1, 0.25, 0.0625, 1 / 64], factor: Math.sqrt(1 + Math.log(2) / Math.log(64)) },
    ]);
  });
});

describe("refused by name is", () => {
  it.each([
    [
      "llama",
      { num_key_value_heads: 4 },
      "num_key_value_heads: expected a divisor of num_attention_heads = 6, received 4",
    ],
    ["llama", { hidden_size: 50 }, "num_attention_heads: expected a divisor of hidden_size = 50, received 6"],
    [
      "llama",
      { hidden_size: 54 },
      "num_attention_heads: expected heads of which an even number of 9 is turned",
    ],
    ["llama", { head_dim: 9 }, "head_dim: expected heads of which an even number of 9 is turned"],
    [
      "llama",
      { rope_scaling: { type: "dynamic", factor: 2 } },
      'rope_scaling.type: expected default, linear, llama3, yarn, longrope, su, received "dynamic"',
    ],
    ["llama", { rope_parameters: { rope_type: "spiral" } }, "rope_parameters.rope_type: expected default"],
    [
      "llama",
      { rope_scaling: { type: "linear" } },
      "rope_scaling.factor: expected a number above 0, received nothing",
    ],
    ["llama", { rope_scaling: 3 }, "rope_scaling: expected an object or null"],
    ["llama", { hidden_act: "swiglu" }, "hidden_act: expected silu"],
    [
      "mistral",
      { rope_parameters: { llama_4_scaling_beta: 0.1 } },
      "rope_parameters.llama_4_scaling_beta: expected nothing",
    ],
    ["gemma2", { use_bidirectional_attention: true }, "use_bidirectional_attention: expected false"],
    [
      "gemma2",
      { layer_types: ["full_attention"] },
      "layer_types: expected a list of 6 of full_attention, sliding_attention",
    ],
    ["smollm3", { no_rope_layers: [1, 2, 3, 4, 5, 6] }, "no_rope_layers: expected a list of 6 of 0, 1"],
    ["qwen3", { layer_types: Array(6).fill("sliding_attention") }, "sliding_window: expected a window"],
    [
      "phi3",
      { rope_scaling: { type: "longrope", short_factor: [1] } },
      "rope_scaling.short_factor: expected a list of 4 numbers",
    ],
    ["granite", { residual_multiplier: -1 }, "residual_multiplier: expected a number above 0"],
    ["gemma3", {}, "text_config: expected the configuration of the text model"],
  ])("%s with %j", (type, changes, problem) => {
    expect(() => typed(type, changes)).toThrow(FormatError);
    expect(() => typed(type, changes)).toThrow(problem);
  });
});

const json = (...parts: string[]): object => JSON.parse(readSharedText("models", "tiny", ...parts)) as object;

describeWithModel("tiny", 2, () => {
  const folders = readdirSync(sharedPath("models", "tiny"));
  const encoders = /bert|mpnet|embeddinggemma|refused|README/;

  it("has two forms of each config that say the same", () => {
    for (const folder of folders.filter((own) => !encoders.test(own)))
      expect(read(json(folder, "config.v4.json")), folder).toEqual(read(json(folder, "config.json")));
  });

  it("has configs that are refused, with the key and what is known", () => {
    const keys: Readonly<Record<string, RegExp>> = {
      "bert-decoder": /architectures: expected one of BertModel/,
      "bert-relative": /position_embedding_type: expected absolute/,
      "gpt2-inverse-layer": /scale_attn_by_inverse_layer_idx: expected false/,
      "llama-dynamic-rope": /rope_scaling\.type: expected default, linear/,
      "llama-heads-do-not-divide": /num_key_value_heads: expected a divisor/,
      "llama-odd-head": /num_attention_heads: expected heads/,
      "llama-unknown-rope": /rope_parameters\.rope_type: expected default/,
    };
    for (const folder of readdirSync(sharedPath("models", "tiny", "refused"))) {
      const call = (): ModelConfig => read(json("refused", folder, "config.json"));
      expect(call, folder).toThrow(FormatError);
      expect(call, folder).toThrow(keys[folder] ?? /weft runs models of these types: gpt2, llama/);
    }
  });
});
