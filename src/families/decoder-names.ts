// The tensors of Llama and its relatives in Hugging Face's files. Gemma and Phi 3 have nearly the same.
import { joined, separateProjections, turned } from "./decoder.js";
import { tensor, type TensorNames } from "./family.js";
import type { ModelConfig } from "./model-config.js";

/** `namesOutputs`: whether the norm behind attention normalises what attention gives, and not what the MLP reads. */
export function decoderNames(config: ModelConfig, namesOutputs: boolean): TensorNames {
  const layer = "model.layers.{l}";
  const own = `${layer}.self_attn`;
  const part = (of: string): ReturnType<typeof turned> => turned(config, { of });
  return {
    base: "model.",
    prefixes: ["language_model.", "model.language_model.", "model.text_model.", "text_model."],
    ignored: ignoredTensors(config.tiedHead),
    roles: {
      tokens: tensor("model.embed_tokens"),
      norm1: tensor(`${layer}.input_layernorm`),
      queryKeyValue: separateProjections(config, [`${own}.q_proj`, `${own}.k_proj`, `${own}.v_proj`]),
      queryNorm: joined(part(`${own}.q_norm`)),
      keyNorm: joined(part(`${own}.k_norm`)),
      projection: tensor(`${own}.o_proj`),
      projectionNorm: tensor(`${layer}.post_attention_layernorm`),
      norm2: tensor(`${layer}.${namesOutputs ? "pre_feedforward_layernorm" : "post_attention_layernorm"}`),
      gateUp: joined({ of: `${layer}.mlp.gate_proj` }, { of: `${layer}.mlp.up_proj` }),
      down: tensor(`${layer}.mlp.down_proj`),
      downNorm: tensor(`${layer}.post_feedforward_layernorm`),
      finalNorm: tensor("model.norm"),
      head: tensor("lm_head"),
    },
  };
}

/** Buffers that older files hold, a tied head that some hold a second time, and the other parts of multimodal models. */
function ignoredTensors(tiedHead: boolean): RegExp {
  const others = String.raw`(model\.)?(vision_tower|vision_model|multi_modal_projector|connector|audio_tower)\.`;
  return new RegExp(
    String.raw`rotary_emb\.inv_freq$|^${others}${tiedHead ? String.raw`|^lm_head\.weight$` : ""}`,
  );
}
