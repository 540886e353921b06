// ModernBERT: norms before attention and MLP, positions that turn heads, windows in two of three layers, a gated MLP.
// arxiv.org/abs/2412.13663.
import type { ConfigReader } from "../config-reader.js";
import { activationNames, readLayers } from "../decoder-config.js";
import { attentionStep, fusedProjections } from "../decoder.js";
import { tensor, type Family } from "../family.js";
import type { ModelConfig } from "../model-config.js";
import { encoderGguf } from "./gguf.js";
import { classesOf, headRecipe, headRoles, readHead, type HeadKind } from "./heads.js";
import { gate, linear, lookUp, norm, rotary, type LayerRecipe } from "../recipe.js";

const ownHeads: HeadKind = {
  dense: { of: "head.dense", activation: "gelu", bias: false },
  norm: "head.norm",
  sameForTokens: true,
  classifier: { texts: "classifier", tokens: "classifier" },
  masked: { dense: "head.dense", norm: "head.norm", output: "decoder", activation: "gelu" },
};

export const modernBert: Family = {
  name: "modernbert",
  modelTypes: ["modernbert"],
  architectures: classesOf("ModernBert"),

  readConfig(keys) {
    for (const key of ["attention_bias", "mlp_bias", "norm_bias", "classifier_bias"])
      keys.expectFlag(key, false);
    keys.choice("classifier_activation", ["gelu"], "gelu");
    const vocabularySize = keys.size("vocab_size");
    const channels = keys.size("hidden_size");
    const heads = keys.size("num_attention_heads");
    if (channels % heads !== 0) keys.fail("num_attention_heads", `a divisor of hidden_size = ${channels}`);
    const config: ModelConfig = {
      modelType: "modernbert",
      vocabularySize,
      contextLength: keys.size("max_position_embeddings"),
      channels,
      layers: keys.layers("num_hidden_layers"),
      heads,
      keyValueHeads: heads,
      headWidth: channels / heads,
      hidden: keys.size("intermediate_size"),
      activation: keys.choice("hidden_activation", activationNames, "gelu"),
      normEpsilon: keys.positive("norm_eps", 1e-5),
      tokenTypes: 0,
      ...readHead(keys, keys.choice<"cls" | "mean">("classifier_pooling", ["cls", "mean"], "cls")),
      endTokens: [],
      beginToken: undefined,
    };
    return { ...config, ...readWindows(keys, config) };
  },

  recipe(config) {
    const plain = { bias: "never" } as const;
    const layerOf = (layer: number): LayerRecipe => {
      // The rows of the first layer have just been normalised.
      const from = layer === 0 ? "residual" : "normalised";
      const { rotation } = config.attention![layer]!;
      return {
        beforeAttention: [
          ...(layer === 0 ? [] : [norm("norm1", plain)]),
          linear("queryKeyValue", { from, to: "queryKeyValue", ...plain }),
          rotary(config.rotations![rotation!]),
        ],
        attention: { ...attentionStep(config, layer), causal: false },
        afterAttention: [
          linear("projection", { from: "attention", to: "residual", adds: true, ...plain }),
          norm("norm2", plain),
          linear("gateUp", { from: "normalised", to: "gateUp", ...plain }),
          gate(),
          linear("down", { from: "hidden", to: "residual", adds: true, ...plain }),
        ],
      };
    };
    return {
      embed: [lookUp({ to: "branch" }), norm("embeddingNorm", { from: "branch", to: "residual", ...plain })],
      layers: Array.from({ length: config.layers }, (_, layer) => layerOf(layer)),
      finish: [norm("finalNorm", plain)],
      output: "normalised",
      ...headRecipe(config, ownHeads),
    };
  },

  tensors: (config) => ({
    prefixes: ["model."],
    ignored: /^(head\..*|decoder\..*|classifier\..*)$/,
    roles: {
      tokens: tensor("embeddings.tok_embeddings"),
      embeddingNorm: tensor("embeddings.norm"),
      norm1: tensor("layers.{l}.attn_norm"),
      queryKeyValue: fusedProjections(config, "layers.{l}.attn.Wqkv"),
      projection: tensor("layers.{l}.attn.Wo"),
      norm2: tensor("layers.{l}.mlp_norm"),
      gateUp: tensor("layers.{l}.mlp.Wi"),
      down: tensor("layers.{l}.mlp.Wo"),
      finalNorm: tensor("final_norm"),
      ...headRoles(config, ownHeads),
    },
  }),

  gguf: encoderGguf({
    architecture: "modern-bert",
    modelType: "modernbert",
    class: "ModernBertModel",
    epsilon: "norm_eps",
    optional: {
      local_attention: "attention.sliding_window",
      global_attn_every_n_layers: "attention.sliding_window_pattern",
      global_rope_theta: "rope.freq_base",
      local_rope_theta: "rope.freq_base_swa",
      hidden_activation: "hidden_activation",
    },
    roles: (config) => ({
      norm1: tensor("blk.{l}.attn_norm"),
      queryKeyValue: fusedProjections(config, "blk.{l}.attn_qkv"),
      norm2: tensor("blk.{l}.ffn_norm"),
      gateUp: tensor("blk.{l}.ffn_up"),
      finalNorm: tensor("output_norm"),
    }),
  }),
};

/** `local_attention` is a width: a token sees half of it on either side, and itself. */
function readWindows(keys: ConfigReader, config: ModelConfig): Partial<ModelConfig> {
  const width = keys.has("local_attention") ? keys.size("local_attention") : 128;
  const every = keys.has("global_attn_every_n_layers") ? keys.size("global_attn_every_n_layers") : 3;
  const base = keys.positive("global_rope_theta", 160_000);
  return readLayers(keys, config, {
    isWindowed: (layer) => layer % every !== 0,
    window: 2 * Math.floor(width / 2) + 1,
    isCentred: true,
    rotary: { base },
    windowedBase: keys.has("local_rope_theta") ? keys.positive("local_rope_theta") : 10_000,
  });
}
