// Gemma 1, 2 and the text models of Gemma 3: as Llama, with gains stored less 1, a scaled embedding, and from Gemma 2 on norms before
// and after attention and MLP, and windows. arxiv.org/abs/2403.08295, 2408.00118, 2503.19786.
import type { ConfigReader } from "./config-reader.js";
import { decoderRecipe, type DecoderKind } from "./decoder.js";
import { decoderGguf, type DecoderGguf } from "./gguf/decoder.js";
import { readDecoderSizes, readLayers, type LayerKeys } from "./decoder-config.js";
import type { Family } from "./family.js";
import { decoderNames } from "./decoder-names.js";
import type { ModelConfig } from "./model-config.js";

interface Generation {
  readonly modelType: string;
  readonly classes: readonly string[];
  readonly wrappers?: readonly string[];
  /** What the class takes for absent keys. Multimodal folders leave sizes out. */
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly kind: Partial<DecoderKind>;
  readonly layers: (keys: ConfigReader) => Partial<LayerKeys>;
  /** What scores are divided by the root of, if a key says it. */
  readonly hasScoreScale: boolean;
  /** Whether there are encoders of this generation. */
  readonly canBeBidirectional?: true;
  readonly gguf: Pick<DecoderGguf, "architecture"> & Partial<DecoderGguf>;
}

const shared = {
  rms_norm_eps: 1e-6,
  head_dim: 256,
  tie_word_embeddings: true,
  max_position_embeddings: 8192,
};

/** Scores are divided by the root of the width of a head, but in the largest model of each generation. */
const scoreScale =
  (layersOfLargest: number): NonNullable<DecoderGguf["more"]> =>
  (own) => ({
    query_pre_attn_scalar:
      own("block_count") === layersOfLargest
        ? Number(own("embedding_length")) / Number(own("attention.head_count"))
        : own("attention.key_length"),
  });

const generations: readonly Generation[] = [
  {
    modelType: "gemma",
    classes: ["GemmaForCausalLM", "GemmaModel"],
    defaults: shared,
    kind: { norms: "before" },
    layers: () => ({}),
    hasScoreScale: false,
    gguf: { architecture: "gemma" },
  },
  {
    modelType: "gemma2",
    classes: ["Gemma2ForCausalLM", "Gemma2Model"],
    defaults: {
      ...shared,
      num_key_value_heads: 4,
      sliding_window: 4096,
      attn_logit_softcapping: 50,
      final_logit_softcapping: 30,
      query_pre_attn_scalar: 256,
    },
    kind: { norms: "both" },
    layers: () => ({ isWindowed: (layer) => layer % 2 === 0 }),
    hasScoreScale: true,
    gguf: {
      architecture: "gemma2",
      optional: {
        sliding_window: "attention.sliding_window",
        attn_logit_softcapping: "attn_logit_softcapping",
        final_logit_softcapping: "final_logit_softcapping",
      },
      constants: { sliding_window: 4096 },
      more: scoreScale(46),
    },
  },
  {
    modelType: "gemma3_text",
    classes: ["Gemma3ForCausalLM", "Gemma3TextModel"],
    wrappers: ["gemma3"],
    defaults: {
      ...shared,
      vocab_size: 262208,
      hidden_size: 2304,
      intermediate_size: 9216,
      num_hidden_layers: 26,
      num_attention_heads: 8,
      num_key_value_heads: 4,
      max_position_embeddings: 131072,
      sliding_window: 4096,
      query_pre_attn_scalar: 256,
    },
    kind: { norms: "both", normsQueries: "heads" },
    layers: (keys) => {
      const key = keys.has("sliding_window_pattern") ? "sliding_window_pattern" : "_sliding_window_pattern";
      const pattern = keys.has(key) ? keys.size(key) : 6;
      return {
        isWindowed: (layer) => (layer + 1) % pattern !== 0,
        rotary: { base: 1e6 },
        windowedBase: keys.positive("rope_local_base_freq", 1e4),
      };
    },
    hasScoreScale: true,
    canBeBidirectional: true,
    gguf: {
      architecture: "gemma3",
      keys: { sliding_window: "attention.sliding_window" },
      optional: { rope_local_base_freq: "rope.freq_base_swa" },
      constants: { rope_theta: 1e6 },
      more: scoreScale(62),
    },
  },
];

export const gemma: readonly Family[] = generations.map(
  ({
    modelType,
    classes,
    wrappers,
    defaults,
    kind,
    layers,
    hasScoreScale,
    canBeBidirectional,
    gguf,
  }): Family => ({
    name: modelType,
    modelTypes: [modelType],
    architectures: classes,
    ...(wrappers ? { wrappers } : {}),

    readConfig(own) {
      const keys = own.withDefaults(defaults);
      if (!canBeBidirectional) keys.expectFlag("use_bidirectional_attention", false);
      const isBidirectional = keys.flag("use_bidirectional_attention", false);
      const width = hasScoreScale ? keys.optionalSize("sliding_window") : undefined;
      // Gemma 1 was trained with the tanh form, also where old files say hidden_act "gelu".
      const config = readDecoderSizes(keys, {
        activation: "gelu_pytorch_tanh",
        activationKey: "hidden_activation",
      });
      const bias = keys.flag("attention_bias", false);
      return {
        ...config,
        ...readLayers(keys, config, {
          isWindowed: () => false,
          // Of an encoder, the file says how wide the window is; half of it is on either side.
          window: isBidirectional && width !== undefined ? 2 * Math.floor(width / 2) + 1 : width,
          isCentred: isBidirectional,
          rotary: { base: 1e4 },
          ...layers(keys),
        }),
        biases: { attention: bias, projection: bias, mlp: false },
        // As it is, not rounded to the format of the weights, as it is where a program computes in bf16.
        embeddingScale: Math.sqrt(config.channels),
        ...(hasScoreScale ? { scoreScale: 1 / Math.sqrt(keys.positive("query_pre_attn_scalar")) } : {}),
        ...(isBidirectional ? { isBidirectional } : {}),
        ...cap("scoreCap", keys.optionalPositive("attn_logit_softcapping")),
        ...cap("logitCap", keys.optionalPositive("final_logit_softcapping")),
      };
    },

    recipe: (config) => decoderRecipe(config, { norms: "before", gainOffset: 1, ...kind }),
    tensors: (config) => decoderNames(config, kind.norms === "both"),
    gguf: decoderGguf({
      // Gains are stored whole there.
      gainOffset: -1,
      modelType,
      class: classes[0]!,
      ...gguf,
    }),
  }),
);

const cap = (key: "scoreCap" | "logitCap", value: number | undefined): Partial<ModelConfig> =>
  value === undefined ? {} : { [key]: value };
