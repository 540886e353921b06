// How GGUF files describe decoders: keys and tensors that most families share, with the differences as arguments.
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, and the converter of https://github.com/ggml-org/llama.cpp.
import { fusedProjections, joined, separateProjections, turned } from "../decoder.js";
import { tensor, type RoleSource, type TensorNames, type TensorPart } from "../family.js";
import type { GgufDescription, GgufFacts } from "./description.js";
import type { ModelConfig } from "../model-config.js";

export interface DecoderGguf {
  readonly architecture: string;
  readonly modelType: string;
  /** The first of the family's classes. */
  readonly class: string;
  /** Whether files have the two numbers of a pair that positions turn side by side. Default: half of what is turned apart. */
  readonly hasPairs?: boolean;
  /** Whether queries, keys and values are one tensor, and gates and ups another. Such files have no pairs. */
  readonly isFused?: boolean;
  /** Added to the gains of norms as they are read. */
  readonly gainOffset?: number;
  /** More keys that must be there, by those of config.json. */
  readonly keys?: Readonly<Record<string, string>>;
  readonly optional?: Readonly<Record<string, string>>;
  readonly constants?: Readonly<Record<string, unknown>>;
  readonly more?: (own: (key: string) => unknown, facts: GgufFacts) => Readonly<Record<string, unknown>>;
}

/** What all decoders' files have, by the keys of config.json. */
export const decoderKeys = {
  hidden_size: "embedding_length",
  num_hidden_layers: "block_count",
  num_attention_heads: "attention.head_count",
  max_position_embeddings: "context_length",
  intermediate_size: "feed_forward_length",
} as const;

export function decoderGguf(options: DecoderGguf): GgufDescription {
  const { architecture, modelType, keys, optional, constants, more } = options;
  return {
    architecture,
    keys: {
      ...decoderKeys,
      rms_norm_eps: "attention.layer_norm_rms_epsilon",
      ...keys,
    },
    optional: {
      num_key_value_heads: "attention.head_count_kv",
      head_dim: "attention.key_length",
      rope_theta: "rope.freq_base",
      ...optional,
    },
    constants: {
      model_type: modelType,
      architectures: [options.class],
      // What files leave out, and what classes have other defaults for.
      head_dim: null,
      rope_theta: 10000,
      sliding_window: null,
      ...constants,
    },
    lists: ["rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"],
    more: (facts, own) => ({
      ...(own("attention.head_count_kv") === undefined
        ? { num_key_value_heads: own("attention.head_count") }
        : {}),
      attention_bias: facts.tensors.has("blk.0.attn_q.bias"),
      mlp_bias: facts.tensors.has("blk.0.ffn_gate.bias"),
      ...turnedPart(own),
      ...scaling(facts, own),
      ...more?.(own, facts),
    }),
    tensors: (config) => decoderTensors(config, options),
  };
}

/** The part of each head that positions turn. */
export function turnedPart(own: (key: string) => unknown): { readonly partial_rotary_factor?: number } {
  const turns = own("rope.dimension_count");
  const width =
    own("attention.key_length") ?? Number(own("embedding_length")) / Number(own("attention.head_count"));
  if (turns === undefined || turns === width) return {};
  const part = Number(turns) / Number(width);
  // The number that is turned is found by cutting off the product.
  return { partial_rotary_factor: Math.trunc(Number(width) * part) === turns ? part : part + Number.EPSILON };
}

/** Longer contexts: what divides the frequencies stands in tensors, or is a formula with its numbers in keys. */
function scaling(facts: GgufFacts, own: (key: string) => unknown): Readonly<Record<string, unknown>> {
  const length = own("context_length");
  const original = own("rope.scaling.original_context_length");
  const divisors = facts.numbers("rope_freqs.weight");
  if (divisors)
    return {
      rope_scaling: {
        rope_type: "longrope",
        short_factor: divisors,
        long_factor: divisors,
        original_max_position_embeddings: length,
        attention_factor: 1,
      },
    };
  const [short, long] = ["short", "long"].map((name) => facts.numbers(`rope_factors_${name}.weight`));
  const growth = own("rope.scaling.attn_factor");
  if (short)
    return {
      original_max_position_embeddings: original ?? length,
      rope_scaling: {
        rope_type: "longrope",
        short_factor: short,
        long_factor: long ?? short,
        ...(growth === undefined ? {} : { attention_factor: growth }),
      },
    };
  const type = own("rope.scaling.type") ?? "none";
  if (type === "none") return {};
  const factor = own("rope.scaling.factor");
  const plain = { rope_type: type, factor };
  if (type !== "yarn") return { rope_scaling: plain };
  const given = {
    original_max_position_embeddings: original,
    beta_fast: own("rope.scaling.yarn_beta_fast"),
    beta_slow: own("rope.scaling.yarn_beta_slow"),
    // Here the factor is what multiplies the usual growth.
    attention_factor:
      growth === undefined ? undefined : Number(growth) * (0.1 * Math.log(Number(factor)) + 1),
  };
  return {
    rope_scaling: {
      ...plain,
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    },
  };
}

function decoderTensors(config: ModelConfig, options: DecoderGguf): TensorNames {
  const { hasPairs = false, isFused = false, gainOffset = 0 } = options;
  const layer = "blk.{l}";
  const pairs = (part: TensorPart): TensorPart => (hasPairs ? part : turned(config, part));
  const gain = (...parts: TensorPart[]): RoleSource => ({ parts, offset: gainOffset });
  return {
    prefixes: [],
    ignored: /^rope_(freqs|factors_(long|short))\.weight$/,
    roles: {
      tokens: tensor("token_embd"),
      norm1: gain({ of: `${layer}.attn_norm` }),
      queryKeyValue: isFused
        ? fusedProjections(config, `${layer}.attn_qkv`)
        : separateProjections(config, [`${layer}.attn_q`, `${layer}.attn_k`, `${layer}.attn_v`], pairs),
      queryNorm: gain(pairs({ of: `${layer}.attn_q_norm` })),
      keyNorm: gain(pairs({ of: `${layer}.attn_k_norm` })),
      projection: tensor(`${layer}.attn_output`),
      projectionNorm: gain({ of: `${layer}.post_attention_norm` }),
      norm2: gain({ of: `${layer}.ffn_norm` }),
      gateUp: isFused
        ? tensor(`${layer}.ffn_up`)
        : joined({ of: `${layer}.ffn_gate` }, { of: `${layer}.ffn_up` }),
      down: tensor(`${layer}.ffn_down`),
      downNorm: gain({ of: `${layer}.post_ffw_norm` }),
      finalNorm: gain({ of: "output_norm" }),
      head: tensor("output"),
    },
  };
}
