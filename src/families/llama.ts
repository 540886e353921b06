// Llama and those that differ from it in little: Mistral, Qwen 2 and 3, SmolLM 3, Granite, OLMo 2. RMS norms, rotary positions,
// grouped heads, a gated MLP. arxiv.org/abs/2302.13971, and the model cards of the others.
import type { ConfigReader } from "./config-reader.js";
import { decoderRecipe, type DecoderKind } from "./decoder.js";
import { decoderNames } from "./decoder-names.js";
import { decoderGguf, type DecoderGguf } from "./gguf/decoder.js";
import { readDecoderSizes, readLayers, type LayerKeys } from "./decoder-config.js";
import type { Family } from "./family.js";
import type { ModelConfig } from "./model-config.js";

/** How a family differs. */
interface Difference {
  readonly modelType: string;
  /** The classes of its models begin with this. */
  readonly classes: string;
  readonly wrappers?: readonly string[];
  /** What the family's class takes for keys that a file does not have. */
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly kind?: Partial<DecoderKind>;
  /** Biases of queries, keys and values if it is not a key that says it, and whether that key is about attention's output too. */
  readonly biases?: (keys: ConfigReader) => Partial<NonNullable<ModelConfig["biases"]>>;
  readonly layers?: (keys: ConfigReader, layers: number) => Partial<LayerKeys>;
  readonly scales?: (keys: ConfigReader) => Partial<ModelConfig>;
  /** What its GGUF files have beside what all have. Mistral's are Llama's. */
  readonly gguf?: Partial<DecoderGguf>;
}

const attentionBias: Difference["biases"] = (keys) => {
  const has = keys.flag("attention_bias", false);
  return { attention: has, projection: has };
};

const allBiases: Difference["biases"] = (keys) => ({
  ...attentionBias(keys),
  mlp: keys.flag("mlp_bias", false),
});

/** The window of families that have one only if a flag says so. */
const windowIfUsed = (keys: ConfigReader): number | undefined =>
  keys.flag("use_sliding_window", false) ? keys.optionalSize("sliding_window") : undefined;

/** Qwen's window is for the layers from `max_window_layers` on, and only if a flag says so. */
const windowOfLast: Difference["layers"] = (keys) => {
  const first = keys.has("max_window_layers") ? keys.whole("max_window_layers") : 28;
  return {
    window: windowIfUsed(keys),
    isWindowed: (layer) => layer >= first,
  };
};

const shared = { rms_norm_eps: 1e-6, rope_theta: 10000 };

const differences: readonly Difference[] = [
  {
    modelType: "llama",
    classes: "Llama",
    wrappers: ["llava", "idefics3", "smolvlm"],
    defaults: { ...shared, max_position_embeddings: 2048 },
    biases: allBiases,
    gguf: { hasPairs: true },
  },
  {
    modelType: "mistral",
    classes: "Mistral",
    wrappers: ["mistral3"],
    defaults: { ...shared, max_position_embeddings: 131072, num_key_value_heads: 8, sliding_window: 4096 },
    layers: (keys) => ({ window: keys.optionalSize("sliding_window"), isWindowed: () => true }),
  },
  {
    modelType: "qwen2",
    classes: "Qwen2",
    defaults: { ...shared, max_position_embeddings: 32768, num_key_value_heads: 32, sliding_window: 4096 },
    biases: () => ({ attention: true }),
    layers: windowOfLast,
    gguf: {},
  },
  {
    modelType: "qwen3",
    classes: "Qwen3",
    defaults: {
      ...shared,
      max_position_embeddings: 32768,
      num_key_value_heads: 32,
      head_dim: 128,
      sliding_window: 4096,
    },
    kind: { normsQueries: "heads" },
    biases: attentionBias,
    layers: windowOfLast,
    gguf: {},
  },
  {
    modelType: "smollm3",
    classes: "SmolLM3",
    defaults: {
      ...shared,
      rope_theta: 2000000,
      max_position_embeddings: 32768,
      num_key_value_heads: 4,
      tie_word_embeddings: true,
    },
    biases: allBiases,
    layers: (keys, count) => {
      const interval = keys.has("no_rope_layer_interval") ? keys.size("no_rope_layer_interval") : 4;
      const turns = keys.list("no_rope_layers", [0, 1], count);
      const isTurned = (layer: number): boolean =>
        turns ? turns[layer] === 1 : (layer + 1) % interval !== 0;
      return {
        window: windowIfUsed(keys),
        isWindowed: (layer) => !isTurned(layer),
        isTurned,
      };
    },
    gguf: { hasPairs: true },
  },
  {
    modelType: "granite",
    classes: "Granite",
    defaults: { ...shared, max_position_embeddings: 2048 },
    biases: allBiases,
    scales: (keys) => ({
      embeddingScale: keys.positive("embedding_multiplier", 1),
      scoreScale: keys.positive("attention_multiplier", 1),
      branchScale: keys.positive("residual_multiplier", 1),
      logitScale: 1 / keys.positive("logits_scaling", 1),
    }),
    gguf: {
      hasPairs: true,
      keys: {
        embedding_multiplier: "embedding_scale",
        attention_multiplier: "attention.scale",
        residual_multiplier: "residual_scale",
        logits_scaling: "logit_scale",
      },
    },
  },
  {
    modelType: "olmo2",
    classes: "Olmo2",
    defaults: { ...shared, rms_norm_eps: 1e-5, max_position_embeddings: 2048 },
    kind: { norms: "after", normsQueries: "rows" },
    biases: attentionBias,
    gguf: {},
  },
];

export const llamaLike: readonly Family[] = differences.map(
  ({ modelType, classes, wrappers, defaults, kind, gguf, ...more }): Family => ({
    name: modelType,
    modelTypes: [modelType],
    architectures: [`${classes}ForCausalLM`, `${classes}Model`],
    ...(wrappers ? { wrappers } : {}),

    readConfig(own) {
      const keys = own.withDefaults(defaults);
      const config = readDecoderSizes(keys, { activation: "silu" });
      const layerKeys: LayerKeys = {
        isWindowed: () => false,
        window: undefined,
        rotary: { base: Number(defaults["rope_theta"]) },
        ...more.layers?.(keys, config.layers),
      };
      return {
        ...config,
        ...readLayers(keys, config, layerKeys),
        biases: { attention: false, projection: false, mlp: false, ...more.biases?.(keys) },
        ...more.scales?.(keys),
      };
    },

    recipe: (config) => decoderRecipe(config, { norms: "before", ...kind }),
    tensors: (config) => decoderNames(config, kind?.norms === "after"),
    ...(gguf
      ? {
          gguf: decoderGguf({ architecture: modelType, modelType, class: `${classes}ForCausalLM`, ...gguf }),
        }
      : {}),
  }),
);
