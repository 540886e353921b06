// GPT-2: norms before attention and MLP, learned positions, biases everywhere. Files hold matrices turned (in, out), and
// queries, keys and values in one. https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf
import { tensor, type Family } from "./family.js";
import { linear, lookUp, norm, takeApart } from "./recipe.js";

export const gpt2: Family = {
  name: "gpt2",
  modelTypes: ["gpt2"],
  architectures: ["GPT2LMHeadModel", "GPT2Model"],

  readConfig(keys) {
    keys.expectFlag("scale_attn_weights", true);
    keys.expectFlag("scale_attn_by_inverse_layer_idx", false);
    keys.expectFlag("add_cross_attention", false);
    const channels = keys.size("n_embd");
    const heads = keys.size("n_head");
    if (channels % heads !== 0) keys.fail("n_head", `a divisor of n_embd = ${channels}`);
    const vocabularySize = keys.size("vocab_size");
    return {
      modelType: "gpt2",
      vocabularySize,
      contextLength: keys.size(keys.has("n_positions") ? "n_positions" : "n_ctx"),
      channels,
      layers: keys.layers("n_layer"),
      heads,
      keyValueHeads: heads,
      headWidth: channels / heads,
      hidden: keys.has("n_inner") ? keys.size("n_inner") : 4 * channels,
      activation: keys.choice(
        "activation_function",
        ["gelu_new", "gelu", "gelu_pytorch_tanh", "relu"],
        "gelu_new",
      ),
      normEpsilon: keys.positive("layer_norm_epsilon", 1e-5),
      tokenTypes: 0,
      tiedHead: keys.flag("tie_word_embeddings", true),
      endTokens: keys.tokens("eos_token_id", vocabularySize),
      beginToken: keys.token("bos_token_id", vocabularySize),
    };
  },

  recipe: ({ layers, headWidth, tiedHead }) => ({
    embed: [lookUp({ positions: "positions" })],
    layers: Array.from({ length: layers }, () => ({
      beforeAttention: [
        norm("norm1"),
        linear("queryKeyValue", { from: "normalised", to: "queryKeyValue" }),
        takeApart(),
      ],
      attention: { causal: true, scale: 1 / Math.sqrt(headWidth) },
      afterAttention: [
        linear("projection", { from: "attention", to: "residual", adds: true }),
        norm("norm2"),
        linear("up", { from: "normalised", to: "hidden", activates: true }),
        linear("down", { from: "hidden", to: "residual", adds: true }),
      ],
    })),
    finish: [norm("finalNorm")],
    output: "normalised",
    head: { tied: tiedHead, bias: "optional" },
  }),

  tensors: ({ tiedHead }) => ({
    prefixes: ["transformer."],
    // Old exports hold the causal mask as a buffer; many hold the tied head a second time.
    ignored: tiedHead ? /^(h\.\d+\.attn\.(masked_)?bias|lm_head\.weight)$/ : /^h\.\d+\.attn\.(masked_)?bias$/,
    roles: {
      tokens: tensor("wte"),
      positions: tensor("wpe"),
      norm1: tensor("h.{l}.ln_1"),
      queryKeyValue: tensor("h.{l}.attn.c_attn", "in,out"),
      projection: tensor("h.{l}.attn.c_proj", "in,out"),
      norm2: tensor("h.{l}.ln_2"),
      up: tensor("h.{l}.mlp.c_fc", "in,out"),
      down: tensor("h.{l}.mlp.c_proj", "in,out"),
      finalNorm: tensor("ln_f"),
      head: tensor("lm_head"),
    },
  }),

  gguf: {
    architecture: "gpt2",
    keys: {
      n_embd: "embedding_length",
      n_layer: "block_count",
      n_head: "attention.head_count",
      n_positions: "context_length",
      n_inner: "feed_forward_length",
      layer_norm_epsilon: "attention.layer_norm_epsilon",
    },
    constants: { model_type: "gpt2", architectures: ["GPT2LMHeadModel"], activation_function: "gelu_new" },
    tensors: () => ({
      prefixes: [],
      ignored: /$^/,
      roles: {
        tokens: tensor("token_embd"),
        positions: tensor("position_embd"),
        norm1: tensor("blk.{l}.attn_norm"),
        queryKeyValue: tensor("blk.{l}.attn_qkv"),
        projection: tensor("blk.{l}.attn_output"),
        norm2: tensor("blk.{l}.ffn_norm"),
        up: tensor("blk.{l}.ffn_up"),
        down: tensor("blk.{l}.ffn_down"),
        finalNorm: tensor("output_norm"),
        head: tensor("output"),
      },
    }),
  },

  newConfig: ({ vocabularySize, layers, heads, channels, contextLength, ...rest }) => ({
    model_type: "gpt2",
    architectures: ["GPT2LMHeadModel"],
    vocab_size: vocabularySize,
    n_positions: contextLength,
    n_ctx: contextLength,
    n_embd: channels,
    n_layer: layers,
    n_head: heads,
    n_inner: rest.hidden ?? 4 * channels,
    activation_function: rest.activation ?? "gelu_new",
    layer_norm_epsilon: 1e-5,
    initializer_range: 0.02,
    tie_word_embeddings: true,
    ...(rest.beginToken === undefined ? {} : { bos_token_id: rest.beginToken }),
    ...(rest.endToken === undefined ? {} : { eos_token_id: rest.endToken }),
    torch_dtype: "float32",
  }),
};
