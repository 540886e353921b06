// How GGUF files describe encoders: keys and tensors that their families share. Positions of RoBERTa's files begin at 0, as the
// converter leaves out the rows in front of them. https://github.com/ggml-org/llama.cpp, its converter.
import { tensor, type RoleSource } from "../family.js";
import { decoderKeys } from "../gguf/decoder.js";
import type { GgufDescription } from "../gguf/description.js";
import type { ModelConfig } from "../model-config.js";

export interface EncoderGguf {
  readonly architecture: string;
  readonly modelType: string;
  readonly class: string;
  /** The key of config.json for the epsilon of norms. */
  readonly epsilon: string;
  readonly optional?: GgufDescription["optional"];
  readonly constants?: GgufDescription["constants"];
  /** The roles that differ from family to family. */
  readonly roles: (config: ModelConfig) => Readonly<Record<string, RoleSource>>;
}

export function encoderGguf(options: EncoderGguf): GgufDescription {
  const { architecture, modelType, epsilon, optional = {}, constants = {}, roles } = options;
  return {
    architecture,
    keys: { ...decoderKeys, [epsilon]: "attention.layer_norm_epsilon" },
    optional,
    constants: { model_type: modelType, architectures: [options.class], ...constants },
    more: (facts, own) => ({
      type_vocab_size: facts.tensors.has("token_types.weight")
        ? facts.value("tokenizer.ggml.token_type_count")
        : 0,
      ...(own("attention.causal") === true ? { is_decoder: true, causal: true } : {}),
    }),
    tensors: (config) => ({
      prefixes: [],
      ignored: /^(cls|cls\.output|cls\.norm)\./,
      roles: {
        tokens: tensor("token_embd"),
        positions: tensor("position_embd"),
        tokenTypes: tensor("token_types"),
        embeddingNorm: tensor("token_embd_norm"),
        projection: tensor("blk.{l}.attn_output"),
        down: tensor("blk.{l}.ffn_down"),
        ...roles(config),
      },
    }),
  };
}
