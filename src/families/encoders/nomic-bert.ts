// nomic-bert: BERT with positions that turn heads, a gated MLP, and no biases but those of norms. arxiv.org/abs/2402.01613.
import { fusedProjections, joined } from "../decoder.js";
import { tensor, type Family } from "../family.js";
import type { ModelConfig } from "../model-config.js";
import { gate, linear, lookUp, norm, rotary, type LayerRecipe } from "../recipe.js";
import { readRotation } from "../rotary.js";
import { encoderGguf } from "./gguf.js";

export const nomicBert: Family = {
  name: "nomic-bert",
  modelTypes: ["nomic_bert"],
  architectures: ["NomicBertModel"],

  readConfig(keys) {
    // The authors' files have keys of their own; transformers writes those of BERT.
    const either = (own: string, usual: string): string => (keys.has(own) ? own : usual);
    for (const key of ["qkv_proj_bias", "mlp_fc1_bias", "mlp_fc2_bias", "prenorm", "use_rms_norm", "causal"])
      keys.expectFlag(key, false);
    keys.expectFlag("rotary_emb_interleaved", false);
    if (keys.has("rotary_emb_fraction") && keys.keys["rotary_emb_fraction"] !== 1)
      keys.fail("rotary_emb_fraction", "1");
    keys.choice(either("activation_function", "hidden_act"), ["swiglu", "silu"]);
    const vocabularySize = keys.size("vocab_size");
    const channels = keys.size(either("n_embd", "hidden_size"));
    const heads = keys.size(either("n_head", "num_attention_heads"));
    if (channels % heads !== 0)
      keys.fail(either("n_head", "num_attention_heads"), `a divisor of ${channels}`);
    const headWidth = keys.optionalSize("head_dim") ?? channels / heads;
    const contextLength = keys.size(either("n_positions", "max_position_embeddings"));
    const base = keys.positive("rotary_emb_base", 1000);
    const layers = keys.layers(either("n_layer", "num_hidden_layers"));
    const { frequencies, factor } = readRotation(keys, { headWidth, contextLength, base });
    const config: ModelConfig = {
      modelType: "nomic_bert",
      vocabularySize,
      contextLength,
      channels,
      layers,
      heads,
      keyValueHeads: heads,
      headWidth,
      hidden: keys.size(either("n_inner", "intermediate_size")),
      activation: "silu",
      normEpsilon: keys.positive(either("layer_norm_epsilon", "layer_norm_eps"), 1e-12),
      tokenTypes: keys.has("type_vocab_size") ? keys.whole("type_vocab_size") : 2,
      rotations: [{ frequencies, factor }],
      attention: Array.from({ length: layers }, () => ({ rotation: 0 })),
      tiedHead: false,
      endTokens: [],
      beginToken: undefined,
    };
    return config;
  },

  recipe({ layers, headWidth, tokenTypes, rotations }) {
    const plain = { bias: "never" } as const;
    const layer: LayerRecipe = {
      beforeAttention: [
        linear("queryKeyValue", { from: "residual", to: "queryKeyValue", ...plain }),
        rotary(rotations![0]),
      ],
      attention: { causal: false, scale: 1 / Math.sqrt(headWidth) },
      afterAttention: [
        linear("projection", { from: "attention", to: "residual", adds: true, ...plain }),
        norm("norm1"),
        linear("gateUp", { from: "normalised", to: "gateUp", ...plain }),
        gate(),
        linear("down", { from: "hidden", to: "normalised", adds: true, ...plain }),
        norm("norm2", { from: "normalised", to: "residual" }),
      ],
    };
    return {
      embed: [
        lookUp({ ...(tokenTypes > 0 ? { tokenTypes: "tokenTypes" } : {}), to: "branch" }),
        norm("embeddingNorm", { from: "branch", to: "residual" }),
      ],
      layers: Array.from({ length: layers }, () => layer),
      finish: [],
      output: "residual",
    };
  },

  tensors: (config) => ({
    prefixes: ["nomic_bert."],
    ignored: /^(pooler\..*|cls\..*)$/,
    roles: {
      tokens: tensor("embeddings.word_embeddings"),
      tokenTypes: tensor("embeddings.token_type_embeddings"),
      embeddingNorm: tensor("emb_ln"),
      queryKeyValue: fusedProjections(config, "encoder.layers.{l}.attn.Wqkv"),
      projection: tensor("encoder.layers.{l}.attn.out_proj"),
      norm1: tensor("encoder.layers.{l}.norm1"),
      // The second of the two is activated.
      gateUp: joined({ of: "encoder.layers.{l}.mlp.fc12" }, { of: "encoder.layers.{l}.mlp.fc11" }),
      down: tensor("encoder.layers.{l}.mlp.fc2"),
      norm2: tensor("encoder.layers.{l}.norm2"),
    },
  }),

  gguf: encoderGguf({
    architecture: "nomic-bert",
    modelType: "nomic_bert",
    class: "NomicBertModel",
    epsilon: "layer_norm_eps",
    optional: { rotary_emb_base: "rope.freq_base" },
    constants: { hidden_act: "silu" },
    roles: (config) => ({
      queryKeyValue: fusedProjections(config, "blk.{l}.attn_qkv"),
      norm1: tensor("blk.{l}.attn_output_norm"),
      gateUp: joined({ of: "blk.{l}.ffn_gate" }, { of: "blk.{l}.ffn_up" }),
      norm2: tensor("blk.{l}.layer_output_norm"),
    }),
  }),
};
