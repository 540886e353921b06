// GPT-NeoX and Pythia: norms with biases, positions that turn a part of each head, attention and MLP side by side.
// arxiv.org/abs/2204.06745.
import { attentionStep, fusedProjections, joined, turned } from "./decoder.js";
import { decoderKeys, turnedPart } from "./gguf/decoder.js";
import { readDecoderSizes, readLayers } from "./decoder-config.js";
import { tensor, type Family, type TensorPart } from "./family.js";
import { linear, lookUp, norm, rotary, type Step } from "./recipe.js";

export const gptNeox: Family = {
  name: "gpt_neox",
  modelTypes: ["gpt_neox"],
  architectures: ["GPTNeoXForCausalLM", "GPTNeoXModel"],

  readConfig(own) {
    const keys = own.withDefaults({
      rms_norm_eps: own.positive("layer_norm_eps", 1e-5),
      max_position_embeddings: 2048,
      hidden_act: "gelu",
      rope_theta: own.positive("rotary_emb_base", 10000),
      partial_rotary_factor: own.positive("rotary_pct", 0.25),
    });
    const config = readDecoderSizes(keys, { activation: "gelu" });
    const bias = keys.flag("attention_bias", true);
    return {
      ...config,
      ...readLayers(keys, config, { isWindowed: () => false, window: undefined, rotary: { base: 10000 } }),
      biases: { attention: bias, projection: bias, mlp: true },
      isParallel: keys.flag("use_parallel_residual", true),
    };
  },

  recipe: (config) => ({
    embed: [lookUp()],
    layers: Array.from({ length: config.layers }, (_, layer) => {
      const { isParallel } = config;
      const own = { bias: config.biases?.attention ? "always" : "never" } as const;
      // Side by side, the MLP reads the rows as they were before attention is added.
      const norm2 = norm("norm2", { to: "mlpInput" });
      const before: Step[] = isParallel ? [norm2] : [];
      const after: Step[] = isParallel ? [] : [norm2];
      return {
        beforeAttention: [
          norm("norm1"),
          linear("queryKeyValue", { from: "normalised", to: "queryKeyValue", ...own }),
          rotary(config.rotations![0]),
          ...before,
        ],
        attention: attentionStep(config, layer),
        afterAttention: [
          linear("projection", { from: "attention", to: "residual", adds: true, ...own }),
          ...after,
          linear("up", { from: "mlpInput", to: "hidden", activates: true }),
          linear("down", { from: "hidden", to: "residual", adds: true }),
        ],
      };
    }),
    finish: [norm("finalNorm")],
    output: "normalised",
    head: { tied: config.tiedHead, bias: "never" },
    places: { mlpInput: "channels" },
  }),

  tensors(config) {
    const { headWidth: size, heads: count, tiedHead } = config;
    const layer = "gpt_neox.layers.{l}";
    // Head by head: its query, its key, its value.
    const part = (index: number): TensorPart => ({
      of: `${layer}.attention.query_key_value`,
      first: index * size,
      size,
      count,
      stride: 3 * size,
    });
    return {
      base: "gpt_neox.",
      prefixes: [],
      aliases: { lm_head: "embed_out" },
      ignored: tiedHead
        ? /\.attention\.(masked_bias|bias|rotary_emb\.inv_freq)$|^embed_out\.weight$/
        : /\.attention\.(masked_bias|bias|rotary_emb\.inv_freq)$/,
      roles: {
        tokens: tensor("gpt_neox.embed_in"),
        norm1: tensor(`${layer}.input_layernorm`),
        queryKeyValue: joined(turned(config, part(0)), turned(config, part(1)), part(2)),
        projection: tensor(`${layer}.attention.dense`),
        norm2: tensor(`${layer}.post_attention_layernorm`),
        up: tensor(`${layer}.mlp.dense_h_to_4h`),
        down: tensor(`${layer}.mlp.dense_4h_to_h`),
        finalNorm: tensor("gpt_neox.final_layer_norm"),
        head: tensor("embed_out"),
      },
    };
  },

  gguf: {
    architecture: "gptneox",
    keys: {
      ...decoderKeys,
      layer_norm_eps: "attention.layer_norm_epsilon",
      use_parallel_residual: "use_parallel_residual",
    },
    optional: { rotary_emb_base: "rope.freq_base" },
    constants: { model_type: "gpt_neox", architectures: ["GPTNeoXForCausalLM"], hidden_act: "gelu" },
    more: (_, own) => ({ rotary_pct: turnedPart(own).partial_rotary_factor ?? 1 }),
    tensors(config) {
      const layer = "blk.{l}";
      return {
        prefixes: [],
        ignored: /$^/,
        roles: {
          tokens: tensor("token_embd"),
          norm1: tensor(`${layer}.attn_norm`),
          queryKeyValue: fusedProjections(config, `${layer}.attn_qkv`),
          projection: tensor(`${layer}.attn_output`),
          norm2: tensor(`${layer}.ffn_norm`),
          up: tensor(`${layer}.ffn_up`),
          down: tensor(`${layer}.ffn_down`),
          finalNorm: tensor("output_norm"),
          head: tensor("output"),
        },
      };
    },
  },
};
