// BERT, RoBERTa with XLM-RoBERTa and CamemBERT, and DistilBERT: every token sees every token, learned positions, and a norm after
// attention and after the MLP. arxiv.org/abs/1810.04805, 1907.11692, 1910.01108.
import type { ConfigReader } from "../config-reader.js";
import { activationNames } from "../decoder-config.js";
import { joined } from "../decoder.js";
import { tensor, type Family, type TensorNames } from "../family.js";
import type { GgufDescription } from "../gguf/description.js";
import type { ModelConfig } from "../model-config.js";
import { linear, lookUp, norm, takeApart, type LayerRecipe, type Recipe } from "../recipe.js";
import { encoderGguf } from "./gguf.js";
import { classesOf, headRecipe, headRoles, readHead, type HeadKind } from "./heads.js";

interface Kind {
  readonly name: string;
  readonly modelTypes: readonly string[];
  readonly architectures: readonly string[];
  /** What it calls keys that are called otherwise elsewhere. */
  readonly keys?: Readonly<Record<string, string>>;
  /** Of norms, if no key says it. */
  readonly epsilon?: number;
  /** Types of tokens, if the model has a table of them. */
  readonly tokenTypes: (keys: ConfigReader) => number;
  /** The row of positions of the first token: in RoBERTa it follows that of the padding token. */
  readonly firstPosition: (keys: ConfigReader) => number;
  readonly tensors: TensorNames;
  readonly heads: HeadKind;
  readonly gguf?: GgufDescription;
}

/** A row's type has 7 bits beside its id. */
const MOST_TOKEN_TYPES = 128;

function readTokenTypes(keys: ConfigReader): number {
  const count = keys.has("type_vocab_size") ? keys.whole("type_vocab_size") : 2;
  return count <= MOST_TOKEN_TYPES ? count : keys.fail("type_vocab_size", `at most ${MOST_TOKEN_TYPES}`);
}

/** Of BERT and RoBERTa. Their files may hold heads that their class does not name: these are not used. */
const bertTensors = (prefix: string): TensorNames => {
  const layer = "encoder.layer.{l}";
  const attention = `${layer}.attention`;
  return {
    prefixes: [prefix],
    ignored: /^(embeddings\.position_ids|pooler\..*|cls\..*|lm_head\..*)$/,
    roles: {
      tokens: tensor("embeddings.word_embeddings"),
      positions: tensor("embeddings.position_embeddings"),
      tokenTypes: tensor("embeddings.token_type_embeddings"),
      embeddingNorm: tensor("embeddings.LayerNorm"),
      queryKeyValue: joined(
        { of: `${attention}.self.query` },
        { of: `${attention}.self.key` },
        { of: `${attention}.self.value` },
      ),
      projection: tensor(`${attention}.output.dense`),
      norm1: tensor(`${attention}.output.LayerNorm`),
      up: tensor(`${layer}.intermediate.dense`),
      down: tensor(`${layer}.output.dense`),
      norm2: tensor(`${layer}.output.LayerNorm`),
    },
  };
};

const bertHeads: HeadKind = {
  dense: { of: "pooler.dense", activation: "tanh", bias: true },
  classifier: { texts: "classifier", tokens: "classifier" },
  masked: {
    dense: "cls.predictions.transform.dense",
    norm: "cls.predictions.transform.LayerNorm",
    output: "cls.predictions",
  },
};

const robertaHeads: HeadKind = {
  dense: { of: "classifier.dense", activation: "tanh", bias: true },
  classifier: { texts: "classifier.out_proj", tokens: "classifier" },
  masked: { dense: "lm_head.dense", norm: "lm_head.layer_norm", output: "lm_head", activation: "gelu" },
};

const distilHeads: HeadKind = {
  dense: { of: "pre_classifier", activation: "relu", bias: true },
  classifier: { texts: "classifier", tokens: "classifier" },
  masked: { dense: "vocab_transform", norm: "vocab_layer_norm", output: "vocab_projector" },
};

const distilTensors: TensorNames = {
  prefixes: ["distilbert."],
  ignored: /^vocab_.*$/,
  roles: {
    tokens: tensor("embeddings.word_embeddings"),
    positions: tensor("embeddings.position_embeddings"),
    embeddingNorm: tensor("embeddings.LayerNorm"),
    queryKeyValue: joined(
      { of: "transformer.layer.{l}.attention.q_lin" },
      { of: "transformer.layer.{l}.attention.k_lin" },
      { of: "transformer.layer.{l}.attention.v_lin" },
    ),
    projection: tensor("transformer.layer.{l}.attention.out_lin"),
    norm1: tensor("transformer.layer.{l}.sa_layer_norm"),
    up: tensor("transformer.layer.{l}.ffn.lin1"),
    down: tensor("transformer.layer.{l}.ffn.lin2"),
    norm2: tensor("transformer.layer.{l}.output_layer_norm"),
  },
};

const kinds: readonly Kind[] = [
  {
    name: "bert",
    modelTypes: ["bert"],
    architectures: classesOf("Bert"),
    tokenTypes: readTokenTypes,
    firstPosition: () => 0,
    tensors: bertTensors("bert."),
    heads: bertHeads,
    gguf: encoderGguf({
      architecture: "bert",
      modelType: "bert",
      class: "BertModel",
      epsilon: "layer_norm_eps",
      roles: () => ({
        queryKeyValue: joined({ of: "blk.{l}.attn_q" }, { of: "blk.{l}.attn_k" }, { of: "blk.{l}.attn_v" }),
        norm1: tensor("blk.{l}.attn_output_norm"),
        up: tensor("blk.{l}.ffn_up"),
        norm2: tensor("blk.{l}.layer_output_norm"),
      }),
    }),
  },
  {
    name: "roberta",
    modelTypes: ["roberta", "xlm-roberta", "camembert"],
    architectures: classesOf("Roberta", "XLMRoberta", "Camembert"),
    tokenTypes: readTokenTypes,
    firstPosition: (keys) => 1 + (keys.has("pad_token_id") ? keys.whole("pad_token_id") : 1),
    tensors: bertTensors("roberta."),
    heads: robertaHeads,
  },
  {
    name: "distilbert",
    modelTypes: ["distilbert"],
    architectures: classesOf("DistilBert"),
    keys: {
      hidden_size: "dim",
      num_attention_heads: "n_heads",
      num_hidden_layers: "n_layers",
      intermediate_size: "hidden_dim",
      hidden_act: "activation",
    },
    epsilon: 1e-12,
    tokenTypes: () => 0,
    firstPosition: () => 0,
    tensors: distilTensors,
    heads: distilHeads,
  },
];

export const bertLike: readonly Family[] = kinds.map((kind): Family => ({
  name: kind.name,
  modelTypes: kind.modelTypes,
  architectures: kind.architectures,
  readConfig: (keys) => readConfig(keys, kind),
  recipe: (config) => ({ ...bertRecipe(config), ...headRecipe(config, kind.heads) }),
  tensors: (config) => ({
    ...kind.tensors,
    roles: { ...kind.tensors.roles, ...headRoles(config, kind.heads) },
  }),
  ...(kind.gguf ? { gguf: kind.gguf } : {}),
}));

function readConfig(keys: ConfigReader, kind: Kind): ModelConfig {
  const own = (key: string): string => kind.keys?.[key] ?? key;
  keys.expectFlag("is_decoder", false);
  keys.expectFlag("add_cross_attention", false);
  keys.choice("position_embedding_type", ["absolute"], "absolute");
  const vocabularySize = keys.size("vocab_size");
  const channels = keys.size(own("hidden_size"));
  const heads = keys.size(own("num_attention_heads"));
  if (channels % heads !== 0)
    keys.fail(own("num_attention_heads"), `a divisor of ${own("hidden_size")} = ${channels}`);
  const firstPosition = kind.firstPosition(keys);
  const positions = keys.size("max_position_embeddings");
  if (positions <= firstPosition) keys.fail("max_position_embeddings", `more than ${firstPosition}`);
  return {
    modelType: String(keys.keys["model_type"]),
    vocabularySize,
    contextLength: positions - firstPosition,
    channels,
    layers: keys.layers(own("num_hidden_layers")),
    heads,
    keyValueHeads: heads,
    headWidth: channels / heads,
    hidden: keys.size(own("intermediate_size")),
    activation: keys.choice(own("hidden_act"), activationNames, "gelu"),
    normEpsilon: kind.epsilon ?? keys.positive("layer_norm_eps", 1e-12),
    tokenTypes: kind.tokenTypes(keys),
    ...(firstPosition > 0 ? { firstPosition, paddingToken: firstPosition - 1 } : {}),
    ...readHead(keys),
    endTokens: [],
    beginToken: undefined,
  };
}

function bertRecipe({ layers, headWidth, tokenTypes, firstPosition }: ModelConfig): Recipe {
  const layer: LayerRecipe = {
    beforeAttention: [linear("queryKeyValue", { from: "residual", to: "queryKeyValue" }), takeApart()],
    attention: { causal: false, scale: 1 / Math.sqrt(headWidth) },
    afterAttention: [
      linear("projection", { from: "attention", to: "residual", adds: true }),
      norm("norm1"),
      linear("up", { from: "normalised", to: "hidden", activates: true }),
      linear("down", { from: "hidden", to: "normalised", adds: true }),
      norm("norm2", { from: "normalised", to: "residual" }),
    ],
  };
  return {
    embed: [
      lookUp({
        positions: "positions",
        ...(firstPosition === undefined ? {} : { firstPosition }),
        ...(tokenTypes > 0 ? { tokenTypes: "tokenTypes" } : {}),
        to: "branch",
      }),
      norm("embeddingNorm", { from: "branch", to: "residual" }),
    ],
    layers: Array.from({ length: layers }, () => layer),
    finish: [],
    output: "residual",
  };
}
