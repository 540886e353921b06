// Decoders of every family with random weights, as files: from a config.json of transformers 5.
import { writeSafetensors } from "../../src/files/safetensors-writer.js";
import type { ModelParts } from "../../src/files/source.js";
import { sizesOf, type DecoderFile } from "../reference/decoder.js";
import { randomFloats } from "./random.js";

export function partsOf(
  file: DecoderFile,
  tensors: ReadonlyMap<string, Float32Array<ArrayBuffer>>,
): ModelParts {
  const shapes = shapesOf(file);
  const stored = [...tensors].map(([name, values]) => ({
    name,
    dtype: "F32",
    shape: shapes.get(name)!,
    bytes: new Uint8Array(values.buffer),
  }));
  return { config: file, weights: writeSafetensors(stored) };
}

export function randomTensors(file: DecoderFile): ReadonlyMap<string, Float32Array<ArrayBuffer>> {
  return new Map(
    [...shapesOf(file)].map(([name, shape], seed) => {
      const values = randomFloats(
        seed,
        shape.reduce((product, extent) => product * extent, 1),
        shape.length === 1 ? 0.1 : 0.6 / Math.sqrt(shape[1]!),
      );
      const isGain = /norm.*\.weight$/.test(name) && !file.model_type.startsWith("gemma");
      return [name, isGain ? values.map((value) => 1 + value) : values];
    }),
  );
}

const linear = (name: string, N: number, K: number, bias = false): [string, number[]][] => [
  [`${name}.weight`, [N, K]],
  ...(bias ? [[`${name}.bias`, [N]] as [string, number[]]] : []),
];

/** The tensors of a file, by the names that transformers gives them. */
function shapesOf(file: DecoderFile): ReadonlyMap<string, readonly number[]> {
  const { C, H, KV, D, F } = sizesOf(file);
  const type = file.model_type;
  const layers = Array.from({ length: file.num_hidden_layers }, (_, layer) => layer);
  if (type === "gpt_neox")
    return new Map<string, readonly number[]>([
      ["gpt_neox.embed_in.weight", [file.vocab_size, C]],
      ...layers.flatMap((layer): [string, number[]][] => {
        const name = `gpt_neox.layers.${layer}`;
        return [
          ...["input_layernorm", "post_attention_layernorm"].flatMap((own): [string, number[]][] => [
            [`${name}.${own}.weight`, [C]],
            [`${name}.${own}.bias`, [C]],
          ]),
          ...linear(`${name}.attention.query_key_value`, 3 * C, C, true),
          ...linear(`${name}.attention.dense`, C, C, true),
          ...linear(`${name}.mlp.dense_h_to_4h`, F, C, true),
          ...linear(`${name}.mlp.dense_4h_to_h`, C, F, true),
        ];
      }),
      ["gpt_neox.final_layer_norm.weight", [C]],
      ["gpt_neox.final_layer_norm.bias", [C]],
    ]);
  const hasHeadNorms = ["qwen3", "gemma3_text", "olmo2"].includes(type);
  const norms = {
    olmo2: ["post_attention_layernorm", "post_feedforward_layernorm"],
    gemma2: [
      "input_layernorm",
      "post_attention_layernorm",
      "pre_feedforward_layernorm",
      "post_feedforward_layernorm",
    ],
  };
  const own = norms[type === "gemma3_text" ? "gemma2" : (type as keyof typeof norms)] ?? [
    "input_layernorm",
    "post_attention_layernorm",
  ];
  return new Map<string, readonly number[]>([
    ["model.embed_tokens.weight", [file.vocab_size, C]],
    ...layers.flatMap((layer): [string, number[]][] => {
      const name = `model.layers.${layer}`;
      const attention = `${name}.self_attn`;
      return [
        ...own.map((norm): [string, number[]] => [`${name}.${norm}.weight`, [C]]),
        ...(type === "phi3"
          ? linear(`${attention}.qkv_proj`, (H + 2 * KV) * D, C)
          : [
              ...linear(`${attention}.q_proj`, H * D, C, type === "qwen2"),
              ...linear(`${attention}.k_proj`, KV * D, C, type === "qwen2"),
              ...linear(`${attention}.v_proj`, KV * D, C, type === "qwen2"),
            ]),
        ...(hasHeadNorms
          ? ([
              [`${attention}.q_norm.weight`, [type === "olmo2" ? H * D : D]],
              [`${attention}.k_norm.weight`, [type === "olmo2" ? KV * D : D]],
            ] as [string, number[]][])
          : []),
        ...linear(`${attention}.o_proj`, C, H * D),
        ...(type === "phi3"
          ? linear(`${name}.mlp.gate_up_proj`, 2 * F, C)
          : [...linear(`${name}.mlp.gate_proj`, F, C), ...linear(`${name}.mlp.up_proj`, F, C)]),
        ...linear(`${name}.mlp.down_proj`, C, F),
      ];
    }),
    ["model.norm.weight", [C]],
    ...(file.tie_word_embeddings ? [] : ([["lm_head.weight", [file.vocab_size, C]]] as [string, number[]][])),
  ]);
}
