// What config.json of decoders says by the same keys in most families: sizes, biases, which layers have a window, and rotary
// positions. Defaults are those of Hugging Face's classes.
import type { ConfigReader } from "./config-reader.js";
import type { ActivationName, LayerAttention, ModelConfig, Rotation } from "./model-config.js";
import { readRotation, type ReadRotation, type RotaryOptions } from "./rotary.js";

/** Files may name any number. No sentence is longer than this, and tables of angles have an entry for every 256 positions. */
const MOST_POSITIONS = 2 ** 22;

export const activationNames: readonly ActivationName[] = [
  "silu",
  "gelu",
  "gelu_pytorch_tanh",
  "gelu_new",
  "relu",
];

/** Reads what all of these families have. The key of the activation differs. */
export function readDecoderSizes(
  keys: ConfigReader,
  options: { readonly activation: ActivationName; readonly activationKey?: string },
): ModelConfig {
  const vocabularySize = keys.size("vocab_size");
  const channels = keys.size("hidden_size");
  const heads = keys.size("num_attention_heads");
  const keyValueHeads = keys.optionalSize("num_key_value_heads") ?? heads;
  if (heads % keyValueHeads !== 0)
    keys.fail("num_key_value_heads", `a divisor of num_attention_heads = ${heads}`);
  if (!keys.has("head_dim") && channels % heads !== 0)
    keys.fail("num_attention_heads", `a divisor of hidden_size = ${channels}`);
  return {
    modelType: String(keys.keys["model_type"]),
    vocabularySize,
    contextLength: Math.min(keys.size("max_position_embeddings"), MOST_POSITIONS),
    channels,
    layers: keys.layers("num_hidden_layers"),
    heads,
    keyValueHeads,
    headWidth: keys.optionalSize("head_dim") ?? channels / heads,
    hidden: keys.size("intermediate_size"),
    activation: keys.choice(options.activationKey ?? "hidden_act", activationNames, options.activation),
    normEpsilon: keys.positive("rms_norm_eps"),
    tokenTypes: 0,
    tiedHead: keys.flag("tie_word_embeddings", false),
    endTokens: keys.tokens("eos_token_id", vocabularySize),
    beginToken: keys.token("bos_token_id", vocabularySize),
  };
}

/** The keys that say which layers have a window and rotary positions. */
export interface LayerKeys {
  /** Whether a layer has the window, where the file lists no kinds of layers. */
  readonly isWindowed: (layer: number) => boolean;
  /** The window, if the model has one. */
  readonly window: number | undefined;
  /** Whether a token is in the middle of its window. Default: it is the last one in it. */
  readonly isCentred?: boolean;
  /** Whether positions turn the heads of a layer. Default: in all layers. */
  readonly isTurned?: (layer: number) => boolean;
  readonly rotary: Omit<RotaryOptions, "headWidth" | "contextLength">;
  /** θ of layers with a window, if they have a rotation of their own. */
  readonly windowedBase?: number;
}

const layerTypes = ["full_attention", "sliding_attention"] as const;

/** Reads how each layer attends. A window that holds the whole context is none. */
export function readLayers(
  keys: ConfigReader,
  config: ModelConfig,
  { isWindowed, window, isCentred = false, isTurned = () => true, rotary, windowedBase }: LayerKeys,
): Pick<ModelConfig, "rotations" | "attention" | "contextLength"> {
  const { headWidth, contextLength, layers } = config;
  const types = keys.list("layer_types", layerTypes, layers);
  if (types?.includes("sliding_attention") && window === undefined)
    keys.fail("sliding_window", "a window, as layer_types has layers with one");
  const options = { ...rotary, headWidth, contextLength };
  const rotations: ReadRotation[] = [readRotation(keys, options, "full_attention")];
  if (windowedBase !== undefined) rotations.push(readWindowedRotation(keys, options, windowedBase));
  const reach = window === undefined ? Infinity : isCentred ? (window + 1) / 2 : window;
  const attention = Array.from({ length: layers }, (_, layer): LayerAttention => {
    const hasWindow = types ? types[layer] === "sliding_attention" : isWindowed(layer);
    return {
      ...(hasWindow && window !== undefined && reach < contextLength ? { window } : {}),
      ...(isTurned(layer) ? { rotation: hasWindow ? rotations.length - 1 : 0 } : {}),
    };
  });
  return {
    attention,
    contextLength: Math.min(...rotations.map((own) => own.contextLength ?? contextLength)),
    rotations: rotations.map(({ frequencies, factor }): Rotation => ({ frequencies, factor })),
  };
}

/** Newer files have parameters for these layers; older ones say θ alone, and what they say of scaling is for the others. */
function readWindowedRotation(keys: ConfigReader, options: RotaryOptions, base: number): ReadRotation {
  if (keys.has("rope_parameters")) return readRotation(keys, { ...options, base }, "sliding_attention");
  const own = keys.within("", { ...keys.keys, rope_theta: base, rope_scaling: undefined });
  return readRotation(own, { ...options, base });
}
