// One block of each shape that people use, with random weights in its real widths, against float64; and a vocabulary of 262,144 in
// several pieces. Where a binding holds 128 MiB only, as WebGPU guarantees, these models load too.
import { expect, it } from "vitest";
import { writeSafetensors } from "../../src/files/safetensors-writer.js";
import { Model } from "../../src/runtime/model.js";
import { float32ToFloat16, toFloat32 } from "../../src/tensor/formats.js";
import { largestRowError } from "../helpers/oracles.js";
import { oracleRows } from "../helpers/tolerances.js";
import { decoderForward, sizesOf, type DecoderFile } from "../reference/decoder.js";

interface Shape {
  readonly type: string;
  /** C, then heads, heads of keys and head width, then F. */
  readonly sizes: readonly [number, number, number, number, number];
  readonly more?: object;
}

const shapes: Readonly<Record<string, Shape>> = {
  "SmolLM2-135M": { type: "llama", sizes: [576, 9, 3, 64, 1536] },
  "Qwen2.5-0.5B": { type: "qwen2", sizes: [896, 14, 2, 64, 4864] },
  "Qwen3-0.6B": { type: "qwen3", sizes: [1024, 16, 8, 128, 3072] },
  "Gemma-3-270m": { type: "gemma3_text", sizes: [640, 4, 1, 256, 2048] },
  "Gemma-3-1b": { type: "gemma3_text", sizes: [1152, 4, 1, 256, 6912] },
  "Llama-3.2-1B": { type: "llama", sizes: [2048, 32, 8, 64, 8192] },
  // Its gates and ups are 201 MB in f32, more than a binding holds.
  "Phi-4-mini": { type: "phi3", sizes: [3072, 24, 8, 128, 8192], more: { partial_rotary_factor: 0.75 } },
};

const V = 64;
const ids = [3, 61, 17, 8];

it.each(Object.entries(shapes))(
  "a block of %s is within 3e-5 of float64",
  async (_, { type, sizes, more }) => {
    const [C, H, KV, D, F] = sizes;
    const turned = more ?? {};
    const file: DecoderFile = {
      model_type: type,
      vocab_size: V,
      hidden_size: C,
      intermediate_size: F,
      num_hidden_layers: 1,
      num_attention_heads: H,
      num_key_value_heads: KV,
      head_dim: D,
      rms_norm_eps: 1e-6,
      tie_word_embeddings: true,
      query_pre_attn_scalar: D,
      layer_types: ["full_attention"],
      rope_parameters: { rope_theta: 10000, rope_type: "default", ...turned },
      ...turned,
    };
    const { tensors, weights } = randomBlock(file);
    await using model = await Model.load(
      { config: { ...file, max_position_embeddings: 64 }, weights },
      { queues: 1, weights: "f16", maxBindingBytes: 128 * 2 ** 20 },
    );
    const { logits } = await model.forward([ids, ids.slice(1)], { output: "all", sliceTokens: 3 });
    const expected = Float32Array.from(decoderForward(file, tensors, ids));
    expect(largestRowError(logits[0]!, expected, V)).toBeLessThan(oracleRows);
  },
);

it("looks up and scores a vocabulary of 262,144 in pieces", async () => {
  const vocabulary = 262_144;
  const file: DecoderFile = {
    model_type: "llama",
    vocab_size: vocabulary,
    hidden_size: 640,
    intermediate_size: 64,
    num_hidden_layers: 1,
    num_attention_heads: 4,
    head_dim: 32,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: true,
    rope_parameters: { rope_theta: 10000, rope_type: "default" },
  };
  const { tensors, weights } = randomBlock(file);
  await using model = await Model.load(
    { config: { ...file, max_position_embeddings: 64 }, weights },
    { queues: 1, weights: "f16", maxBindingBytes: 128 * 2 ** 20 },
  );
  const own = [0, 104_857, 104_858, 262_143];
  const { logits } = await model.forward([own], { output: "last" });
  const rows = Float32Array.from(decoderForward(file, tensors, own));
  const expected = rows.subarray(3 * vocabulary);
  expect(largestRowError(logits[0]!, expected, vocabulary)).toBeLessThan(oracleRows);
  const { tokens } = await model.generate(own, { temperature: 0, maxTokens: 1, stopTokens: [] });
  expect(tokens[0]).toBe(expected.indexOf(expected.reduce((a, b) => Math.max(a, b))));
});

/** Weights that f16 holds exactly: as numbers by name, and as a file. Uniform, as there are up to a hundred million. */
function randomBlock(file: DecoderFile): {
  readonly tensors: ReadonlyMap<string, Float32Array>;
  readonly weights: Uint8Array<ArrayBuffer>;
} {
  let state = 1;
  const tensors = new Map<string, Float32Array>();
  const stored = [...shapesOf(file)].map(([name, shape]) => {
    const isNorm = shape.length === 1;
    const deviation = isNorm ? 0.2 : 1 / Math.sqrt(shape[1]!);
    const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
    for (let index = 0; index < values.length; index++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      values[index] =
        3.46 * deviation * (state / 2 ** 32) + (isNorm && !file.model_type.startsWith("gemma") ? 1 : 0);
    }
    const bytes = new Uint8Array(float32ToFloat16(values).buffer);
    tensors.set(name, toFloat32(bytes, "F16"));
    return { name, dtype: "F16", shape, bytes };
  });
  return { tensors, weights: writeSafetensors(stored) };
}

function shapesOf(file: DecoderFile): ReadonlyMap<string, readonly number[]> {
  const { C, H, KV, D, F } = sizesOf(file);
  const type = file.model_type;
  const layer = "model.layers.0";
  const isGemma = type === "gemma3_text";
  const named = (names: readonly string[], shape: readonly number[]): [string, readonly number[]][] =>
    names.map((name) => [`${layer}.${name}.weight`, shape]);
  return new Map<string, readonly number[]>([
    ["model.embed_tokens.weight", [file.vocab_size, C]],
    ...named(["input_layernorm", "post_attention_layernorm"], [C]),
    ...(isGemma ? named(["pre_feedforward_layernorm", "post_feedforward_layernorm"], [C]) : []),
    ...(type === "phi3"
      ? [...named(["self_attn.qkv_proj"], [(H + 2 * KV) * D, C]), ...named(["mlp.gate_up_proj"], [2 * F, C])]
      : [
          ...named(["self_attn.q_proj"], [H * D, C]),
          ...named(["self_attn.k_proj", "self_attn.v_proj"], [KV * D, C]),
          ...named(["mlp.gate_proj", "mlp.up_proj"], [F, C]),
        ]),
    ...(isGemma || type === "qwen3" ? named(["self_attn.q_norm", "self_attn.k_norm"], [D]) : []),
    ...(type === "qwen2"
      ? [
          [`${layer}.self_attn.q_proj.bias`, [H * D]] as [string, number[]],
          [`${layer}.self_attn.k_proj.bias`, [KV * D]] as [string, number[]],
          [`${layer}.self_attn.v_proj.bias`, [KV * D]] as [string, number[]],
        ]
      : []),
    ...named(["self_attn.o_proj"], [C, H * D]),
    ...named(["mlp.down_proj"], [C, F]),
    ["model.norm.weight", [C]],
  ]);
}
