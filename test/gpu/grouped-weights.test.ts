// Safetensors that GPTQ, AWQ and MLX quantised, on real execution: the bits of the same values in float32, in fewer bytes.
import { describe, expect, it } from "vitest";
import { writeSafetensors } from "../../src/files/safetensors-writer.js";
import type { StoredTensor } from "../../src/files/safetensors.js";
import type { ModelParts } from "../../src/files/source.js";
import { Model } from "../../src/runtime/model.js";
import { packMatrix } from "../helpers/grouped-writer.js";
import { randomFloats } from "../helpers/random.js";

const [C, F, V, heads, shared] = [64, 96, 88, 4, 2];
const config = {
  model_type: "llama",
  architectures: ["LlamaForCausalLM"],
  vocab_size: V,
  hidden_size: C,
  intermediate_size: F,
  num_hidden_layers: 2,
  num_attention_heads: heads,
  num_key_value_heads: shared,
  head_dim: 16,
  max_position_embeddings: 32,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
};
const matrices: Readonly<Record<string, readonly [outputs: number, inputs: number]>> = {
  "self_attn.q_proj": [C, C],
  "self_attn.k_proj": [C / 2, C],
  "self_attn.v_proj": [C / 2, C],
  "self_attn.o_proj": [C, C],
  "mlp.gate_proj": [F, C],
  "mlp.up_proj": [F, C],
  "mlp.down_proj": [C, F],
};
const kinds = {
  mlx: { quantization: { group_size: 32, bits: 4 } },
  gptq: { quantization_config: { quant_method: "gptq", bits: 4, group_size: 32, desc_act: false } },
  gptq_v2: { quantization_config: { quant_method: "gptq", bits: 4, checkpoint_format: "gptq_v2" } },
  awq: { quantization_config: { quant_method: "awq", bits: 4, version: "gemm" } },
} as const;
const prompts = [[3, 1, 4, 1, 5], [9], [2, 6, 5, 3, 5, 8, 9, 7]];

const plain = (name: string, shape: number[], values: Float32Array<ArrayBuffer>): StoredTensor => ({
  name,
  dtype: "F32",
  shape,
  bytes: new Uint8Array(values.buffer),
});

/** The model as a scheme stores it, and with the same values in float32. */
function makeModels(scheme: keyof typeof kinds): { packed: ModelParts; float: ModelParts } {
  const both: StoredTensor[] = [plain("model.norm.weight", [C], new Float32Array(C).fill(1))];
  const packed: StoredTensor[] = [];
  const float: StoredTensor[] = [];
  let seed = 0;
  const add = (name: string, [outputs, inputs]: readonly [number, number]): void => {
    // So that keys and values, which are one matrix here, have different formats.
    const bits = scheme !== "awq" && name.endsWith("k_proj") ? 8 : 4;
    const matrix = packMatrix(scheme, { name, outputs, inputs, group: 32, bits, seed: seed++ });
    packed.push(...matrix.tensors);
    float.push(plain(`${name}.weight`, [outputs, inputs], matrix.values));
  };
  // MLX quantises the embedding too.
  if (scheme === "mlx") add("model.embed_tokens", [V, C]);
  else both.push(plain("model.embed_tokens.weight", [V, C], randomFloats(1, V * C)));
  for (let layer = 0; layer < 2; layer++) {
    for (const name of ["input_layernorm", "post_attention_layernorm"])
      both.push(plain(`model.layers.${layer}.${name}.weight`, [C], new Float32Array(C).fill(1)));
    for (const [name, extent] of Object.entries(matrices)) add(`model.layers.${layer}.${name}`, extent);
  }
  return {
    packed: { config: { ...config, ...kinds[scheme] }, weights: writeSafetensors([...packed, ...both]) },
    float: { config, weights: writeSafetensors([...float, ...both]) },
  };
}

describe.each(Object.keys(kinds) as (keyof typeof kinds)[])("a model of %s", (scheme) => {
  const { packed, float } = makeModels(scheme);

  it("has the bits of a model in float32 with the same values, in fewer bytes, and is saved as that", async () => {
    await using model = await Model.load(packed);
    await using exact = await Model.load(float);
    expect([model.info.weights, model.info.unexpectedTensors]).toEqual(["q4m", []]);
    const { logits } = await model.forward(prompts, { output: "all", sliceTokens: 3 });
    expect(logits).toEqual((await exact.forward(prompts, { output: "all" })).logits);
    const options = { temperature: 0, maxTokens: 6, stopTokens: [] };
    expect((await model.generate(prompts[0]!, options)).tokens).toEqual(
      (await exact.generate(prompts[0]!, options)).tokens,
    );
    expect(model.info.weightBytes).toBeLessThan(0.6 * exact.info.weightBytes);

    const saved = await model.save();
    expect(Object.keys(saved.config)).not.toContain(Object.keys(kinds[scheme])[0]);
    await using again = await Model.load(saved);
    expect((await again.forward(prompts, { output: "all" })).logits).toEqual(logits);
  });

  it("can be unfolded to float32, and trained", async () => {
    await using model = await Model.load(packed, { weights: "f32" });
    for await (const { loss } of model.train(prompts, { steps: 1 })) expect(loss).toBeGreaterThan(0);
  });
});
