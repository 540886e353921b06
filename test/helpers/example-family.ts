// A made-up family, the one that EXTENDING.md walks through: attention and MLP read the same norm of a layer's input, and both are
// added to it; queries and the rest are tensors of their own, without biases.
import { tensor, type Family } from "../../src/families/family.js";
import { linear, lookUp, norm, takeApart } from "../../src/families/recipe.js";

export const twin: Family = {
  name: "twin",
  modelTypes: ["twin"],
  architectures: ["TwinForCausalLM"],

  readConfig(keys) {
    keys.expectFlag("scale_embeddings", false);
    const channels = keys.size("hidden_size");
    const heads = keys.size("num_attention_heads");
    if (channels % heads !== 0) keys.fail("num_attention_heads", `a divisor of hidden_size = ${channels}`);
    const vocabularySize = keys.size("vocab_size");
    return {
      modelType: "twin",
      vocabularySize,
      contextLength: keys.size("max_position_embeddings"),
      channels,
      layers: keys.layers("num_hidden_layers"),
      heads,
      keyValueHeads: heads,
      headWidth: channels / heads,
      hidden: keys.size("intermediate_size"),
      activation: keys.choice("hidden_act", ["relu", "gelu"], "relu"),
      normEpsilon: keys.positive("layer_norm_eps", 1e-5),
      tokenTypes: 0,
      tiedHead: false,
      endTokens: keys.tokens("eos_token_id", vocabularySize),
      beginToken: keys.token("bos_token_id", vocabularySize),
    };
  },

  recipe: ({ layers, headWidth }) => ({
    embed: [lookUp({ positions: "positions" })],
    layers: Array.from({ length: layers }, () => ({
      beforeAttention: [
        norm("norm1"),
        linear("queryKeyValue", { from: "normalised", to: "queryKeyValue", bias: "never" }),
        takeApart(),
        linear("up", { from: "normalised", to: "hidden", bias: "never", activates: true }),
      ],
      attention: { causal: true, scale: 1 / Math.sqrt(headWidth) },
      afterAttention: [
        linear("projection", { from: "attention", to: "residual", bias: "never", adds: true }),
        linear("down", { from: "hidden", to: "residual", bias: "never", adds: true }),
      ],
    })),
    finish: [norm("finalNorm")],
    output: "normalised",
    head: { tied: false, bias: "never" },
  }),

  tensors: () => ({
    prefixes: ["model."],
    ignored: /^layers\.\d+\.attention\.mask$/,
    roles: {
      tokens: tensor("embed.tokens"),
      positions: tensor("embed.positions"),
      norm1: tensor("layers.{l}.norm"),
      queryKeyValue: {
        parts: [
          { of: "layers.{l}.attention.query" },
          { of: "layers.{l}.attention.key" },
          { of: "layers.{l}.attention.value" },
        ],
      },
      up: tensor("layers.{l}.mlp.up"),
      projection: tensor("layers.{l}.attention.out"),
      down: tensor("layers.{l}.mlp.down"),
      finalNorm: tensor("norm"),
      head: tensor("head"),
    },
  }),
};
