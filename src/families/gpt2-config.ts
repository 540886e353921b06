// config.json of a GPT-2 model: checked, and in weft's words. What weft does not compute is refused here, by name.
import { FormatError } from "../errors.js";
import { isRecord, showJson } from "../util/json-value.js";

/** The activation between the two linear layers of the MLP, as Hugging Face names it. */
export type ActivationName = "gelu_new" | "gelu" | "gelu_pytorch_tanh" | "relu";

/** The shape of a GPT-2 model. */
export interface ModelConfig {
  /** V: entries of the vocabulary. */
  readonly vocabularySize: number;
  /** The longest sentence in tokens. */
  readonly contextLength: number;
  /** C: model width. */
  readonly channels: number;
  readonly layers: number;
  /** H: attention heads. */
  readonly heads: number;
  /** D = C / H. */
  readonly headWidth: number;
  /** F: width inside the MLP. */
  readonly hidden: number;
  /** "gelu" is the exact one (erf); "gelu_new" and "gelu_pytorch_tanh" are the same tanh formula. */
  readonly activation: ActivationName;
  readonly layerNormEpsilon: number;
  /** Whether the output head is the token embedding. */
  readonly tiedHead: boolean;
  /** The token that ends a text; undefined where none of the vocabulary does. */
  readonly endToken: number | undefined;
  /** The token that begins a text; undefined where none of the vocabulary does. */
  readonly beginToken: number | undefined;
}

const activations: readonly ActivationName[] = ["gelu_new", "gelu", "gelu_pytorch_tanh", "relu"];
const architectures = ["GPT2LMHeadModel", "GPT2Model"];

/**
 * Reads `config`, the parsed content of a config.json. Sizes are required; the rest has Hugging Face's defaults.
 * @throws FormatError naming the key, what was expected and what was received.
 */
export function parseGpt2Config(config: unknown, fileName: string = "config.json"): ModelConfig {
  if (!isRecord(config)) {
    const problem = `expected an object, received ${showJson(config)}`;
    throw new FormatError({ file: fileName, problem, remedy: "Pass the parsed content of config.json." });
  }
  const reader = new ConfigReader(config, fileName);
  checkKind(reader);
  const channels = reader.size("n_embd");
  const heads = reader.size("n_head");
  if (channels % heads !== 0) reader.fail("n_head", `a divisor of n_embd = ${channels}`);
  const vocabularySize = reader.size("vocab_size");
  return {
    vocabularySize,
    contextLength: reader.size(reader.has("n_positions") ? "n_positions" : "n_ctx"),
    channels,
    layers: reader.size("n_layer"),
    heads,
    headWidth: channels / heads,
    hidden: reader.has("n_inner") ? reader.size("n_inner") : 4 * channels,
    activation: reader.choice("activation_function", activations, "gelu_new"),
    layerNormEpsilon: reader.positive("layer_norm_epsilon", 1e-5),
    tiedHead: reader.flag("tie_word_embeddings", true),
    endToken: reader.token("eos_token_id", vocabularySize),
    beginToken: reader.token("bos_token_id", vocabularySize),
  };
}

function checkKind(reader: ConfigReader): void {
  const { model_type: modelType, architectures: listed } = reader.config;
  if (modelType !== undefined || listed === undefined) reader.choice("model_type", ["gpt2"]);
  if (
    listed !== undefined &&
    !(Array.isArray(listed) && listed.some((name) => architectures.includes(name)))
  ) {
    reader.fail("architectures", `one of ${architectures.join(", ")}`);
  }
  // Each of these changes the numbers, and weft computes only the value named here, which is also the default.
  if (!reader.flag("scale_attn_weights", true)) reader.fail("scale_attn_weights", "true");
  for (const key of ["scale_attn_by_inverse_layer_idx", "add_cross_attention"]) {
    if (reader.flag(key, false)) reader.fail(key, "false");
  }
  if (reader.has("quantization_config")) reader.fail("quantization_config", "unquantized weights");
}

/** Typed access to the keys of a config. A key that is null counts as absent, as in Hugging Face's files. */
class ConfigReader {
  readonly config: Readonly<Record<string, unknown>>;
  readonly #fileName: string;

  constructor(config: Readonly<Record<string, unknown>>, fileName: string) {
    this.config = config;
    this.#fileName = fileName;
  }

  has(key: string): boolean {
    return (this.config[key] ?? undefined) !== undefined;
  }

  /** A whole number above 0. */
  size(key: string): number {
    const value = this.config[key];
    if (isWholeNumber(value) && value > 0) return value;
    return this.fail(key, "a whole number above 0");
  }

  positive(key: string, missing: number): number {
    const value = this.config[key] ?? missing;
    return typeof value === "number" && value > 0 ? value : this.fail(key, "a number above 0");
  }

  flag(key: string, missing: boolean): boolean {
    const value = this.config[key] ?? missing;
    return typeof value === "boolean" ? value : this.fail(key, "true or false");
  }

  choice<Name extends string>(key: string, names: readonly Name[], missing?: Name): Name {
    const value = this.config[key] ?? missing;
    return names.find((name) => name === value) ?? this.fail(key, names.join(", "));
  }

  /**
   * A token id. Small models often keep GPT-2's 50256 beside a vocabulary of a few entries: such an id is never
   * produced, so that it is the same as none.
   */
  token(key: string, vocabularySize: number): number | undefined {
    const value = this.config[key] ?? undefined;
    if (value === undefined) return undefined;
    if (!isWholeNumber(value) || value < 0) return this.fail(key, "a token id or null");
    return value < vocabularySize ? value : undefined;
  }

  fail(key: string, expected: string): never {
    throw new FormatError({
      file: this.#fileName,
      problem: `${key}: expected ${expected}, received ${showJson(this.config[key])}`,
      remedy: "Correct the key, or choose a GPT-2 language model: weft computes no other kind.",
    });
  }
}

function isWholeNumber(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
