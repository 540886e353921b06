// Reads a checkpoint of llama2.c (https://github.com/karpathy/llama2.c, version 0) as a model in Hugging Face layout.
import { writeSafetensors } from "../../src/files/safetensors-writer.js";
import type { ModelParts } from "../../src/files/source.js";

/** Seven int32: width, hidden width, layers, heads, heads of keys, vocabulary, positions. Then float32, tensor kind by kind. */
export function readLlama2c(file: Uint8Array<ArrayBuffer>): ModelParts {
  const [C, F, layers, heads, keyHeads, V, positions] = new Int32Array(file.buffer, 0, 7) as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const values = new Float32Array(file.buffer, 28);
  const D = C / heads;
  let at = 0;
  const take = (count: number): Float32Array => values.subarray(at, (at += count));
  const tensors: { name: string; shape: number[]; values: Float32Array }[] = [];
  const add = (name: string, shape: number[], own: Float32Array): void =>
    void tensors.push({ name, shape, values: own });
  const addLayers = (name: string, shape: number[], change = (own: Float32Array) => own): void => {
    for (let layer = 0; layer < layers; layer++)
      add(`model.layers.${layer}.${name}.weight`, shape, change(take(shape.reduce((a, b) => a * b, 1))));
  };
  /** Rows 2i and 2i + 1 of a head, which are a pair, become rows i and D/2 + i. */
  const apart = (own: Float32Array): Float32Array => {
    const result = new Float32Array(own.length);
    for (let row = 0; row < own.length / C; row++) {
      const [head, index] = [Math.floor(row / D), row % D];
      const to = head * D + (index % 2) * (D / 2) + Math.floor(index / 2);
      result.set(own.subarray(row * C, (row + 1) * C), to * C);
    }
    return result;
  };
  add("model.embed_tokens.weight", [V, C], take(V * C));
  addLayers("input_layernorm", [C]);
  addLayers("self_attn.q_proj", [C, C], apart);
  addLayers("self_attn.k_proj", [keyHeads * D, C], apart);
  addLayers("self_attn.v_proj", [keyHeads * D, C]);
  addLayers("self_attn.o_proj", [C, C]);
  addLayers("post_attention_layernorm", [C]);
  addLayers("mlp.gate_proj", [F, C]);
  addLayers("mlp.down_proj", [C, F]);
  addLayers("mlp.up_proj", [F, C]);
  add("model.norm.weight", [C], take(C));
  const config = {
    model_type: "llama",
    architectures: ["LlamaForCausalLM"],
    vocab_size: V,
    hidden_size: C,
    intermediate_size: F,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: keyHeads,
    max_position_embeddings: positions,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: true,
    bos_token_id: 1,
    eos_token_id: 2,
  };
  const weights = writeSafetensors(
    tensors.map(({ name, shape, values: own }) => ({
      name,
      dtype: "F32",
      shape,
      bytes: new Uint8Array(own.slice().buffer),
    })),
  );
  return { config, weights };
}

/** Returns an encoder by a vocabulary of llama2.c, tokenizer.bin: pairs are joined while any has a score, best first. */
export function readLlama2cVocabulary(
  file: Uint8Array<ArrayBuffer>,
  count: number,
): (text: string) => number[] {
  const view = new DataView(file.buffer);
  const decoder = new TextDecoder();
  const ids = new Map<string, number>();
  const texts: string[] = [];
  const scores: number[] = [];
  for (let at = 4; texts.length < count;) {
    const length = view.getInt32(at + 4, true);
    const text = decoder.decode(file.subarray(at + 8, at + 8 + length));
    ids.set(text, texts.length);
    scores.push(view.getFloat32(at, true));
    texts.push(text);
    at += 8 + length;
  }
  /** Bytes have ids from 3 on. */
  const idsOf = (character: string): number[] => {
    const id = ids.get(character);
    return id === undefined ? [...new TextEncoder().encode(character)].map((byte) => byte + 3) : [id];
  };
  return (text) => {
    const own = Array.from(` ${text}`).flatMap(idsOf);
    for (;;) {
      let best = { score: -1e10, at: -1, id: -1 };
      for (let at = 0; at + 1 < own.length; at++) {
        const id = ids.get(texts[own[at]!]! + texts[own[at + 1]!]!);
        if (id !== undefined && scores[id]! > best.score) best = { score: scores[id]!, at, id };
      }
      if (best.at < 0) return own;
      own.splice(best.at, 2, best.id);
    }
  };
}
