// MODELS.md, made from the registry of families and from the configurations of published models.
import { quantised } from "../../src/model/weights/file-formats.js";
import { families } from "../../src/families/encoders/all-families.js";
import { readModelConfig } from "../../src/families/registry.js";
import { defineModel } from "../../src/model/definition.js";
import { keyValueRowBytes } from "../../src/model/shape.js";
import {
  countNumbers,
  listParameters,
  weightBytes,
  type TableOptions,
} from "../../src/model/weights/parameters.js";

/** What there is to say about each family, by `model_type`. */
const notes: Readonly<Record<string, string>> = {
  gpt2: "learned positions",
  llama: "biases by `attention_bias` and `mlp_bias`; positions scaled by linear, llama3, yarn",
  mistral: "windows",
  qwen2: "biases of queries, keys and values; windows if `use_sliding_window`",
  qwen3: "norms of the heads of queries and keys",
  smollm3: "layers without rotary positions",
  granite: "multipliers of embedding, scores, branches and logits",
  olmo2: "norms behind attention and MLP, and of all queries and keys",
  gemma: "gains stored less 1, scaled embedding",
  gemma2: "four norms, windows in every other layer, capped scores and logits",
  gemma3_text:
    "four norms, norms of heads, windows in five of six layers, two rotations; as an encoder, windows to either side",
  phi3: "joined tensors, heads turned in part, longrope up to the original context",
  bert: "encoder: learned positions, types of tokens",
  roberta: "encoder: positions begin behind the padding token",
  "xlm-roberta": "encoder: as roberta",
  camembert: "encoder: as roberta",
  distilbert: "encoder: as bert, without types of tokens",
  modernbert: "encoder: rotary positions, gated MLP, windows in two of three layers",
  nomic_bert: "encoder: as bert, with rotary positions and a gated MLP",
  gpt_neox: "attention and MLP side by side or in turn, heads turned in part",
};

interface Published {
  readonly name: string;
  readonly config: object;
}

const llama = (
  name: string,
  type: string,
  [layers, channels, heads, keyHeads, head, hidden, vocabulary, context]: readonly number[],
  more: object = {},
): Published => ({
  name,
  config: {
    model_type: type,
    num_hidden_layers: layers,
    hidden_size: channels,
    num_attention_heads: heads,
    num_key_value_heads: keyHeads,
    head_dim: head,
    intermediate_size: hidden,
    vocab_size: vocabulary,
    max_position_embeddings: context,
    tie_word_embeddings: true,
    ...more,
  },
});

/** Sizes as their config.json says them. */
export const published: readonly Published[] = [
  {
    name: "GPT-2",
    config: {
      model_type: "gpt2",
      vocab_size: 50257,
      n_positions: 1024,
      n_embd: 768,
      n_layer: 12,
      n_head: 12,
    },
  },
  llama("SmolLM2-135M", "llama", [30, 576, 9, 3, 64, 1536, 49152, 8192]),
  llama("SmolLM2-360M", "llama", [32, 960, 15, 5, 64, 2560, 49152, 8192]),
  llama("Llama-3.2-1B", "llama", [16, 2048, 32, 8, 64, 8192, 128256, 131072]),
  llama("Qwen2.5-0.5B", "qwen2", [24, 896, 14, 2, 64, 4864, 151936, 32768]),
  llama("Qwen2.5-1.5B", "qwen2", [28, 1536, 12, 2, 128, 8960, 151936, 32768]),
  llama("Qwen3-0.6B", "qwen3", [28, 1024, 16, 8, 128, 3072, 151936, 40960]),
  llama("Gemma-3-270m", "gemma3_text", [18, 640, 4, 1, 256, 2048, 262144, 32768], { sliding_window: 512 }),
  llama("Gemma-3-1b", "gemma3_text", [26, 1152, 4, 1, 256, 6912, 262144, 32768], { sliding_window: 512 }),
  llama("Gemma-2-2b", "gemma2", [26, 2304, 8, 4, 256, 9216, 256000, 8192]),
  llama("SmolLM3-3B", "smollm3", [36, 2048, 16, 4, 128, 11008, 128256, 65536]),
  llama("Phi-4-mini", "phi3", [32, 3072, 24, 8, 128, 8192, 200064, 131072], {
    original_max_position_embeddings: 4096,
    partial_rotary_factor: 0.75,
    rope_scaling: {
      type: "longrope",
      short_factor: Array.from({ length: 48 }, () => 1),
      long_factor: Array.from({ length: 48 }, () => 2),
    },
  }),
  llama("Mistral-7B-v0.3", "mistral", [32, 4096, 32, 8, 128, 14336, 32768, 32768], {
    sliding_window: null,
    tie_word_embeddings: false,
  }),
  {
    name: "Pythia-160m",
    config: {
      model_type: "gpt_neox",
      num_hidden_layers: 12,
      hidden_size: 768,
      num_attention_heads: 12,
      intermediate_size: 3072,
      vocab_size: 50304,
      max_position_embeddings: 2048,
      tie_word_embeddings: false,
    },
  },
];

/** Numbers in the file, and bytes on a queue. */
export function sizesOf(config: object): {
  readonly parameters: number;
  readonly bytes: Readonly<Record<"f32" | "f16" | "q8" | "q4", number>>;
  readonly cachePerToken: Readonly<Record<"f32" | "f16", number>>;
  readonly contextLength: number;
} {
  const model = defineModel(readModelConfig(config, "config.json", families), 16);
  const bytes = (format: TableOptions["format"]): number =>
    weightBytes(listParameters(model.config, model.recipe, model.names, { format }));
  const stored = listParameters(model.config, model.recipe, model.names, { format: "f32" }).filter(
    (own) => own.stored === "always" || (own.stored === "optional" && own.role !== "head"),
  );
  return {
    parameters: stored.reduce((sum, own) => sum + countNumbers(own), 0),
    bytes: { f32: bytes("f32"), f16: bytes("f16"), q8: bytes(quantised("q8")), q4: bytes(quantised("q4")) },
    cachePerToken: {
      f32: model.config.layers * keyValueRowBytes(model.shape),
      f16: model.config.layers * keyValueRowBytes(model.shape, "f16"),
    },
    contextLength: model.config.contextLength,
  };
}

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;

function familyTable(): string[] {
  return [
    row(["`model_type`", "within", "what is special"]),
    row(["---", "---", "---"]),
    ...families.flatMap(({ modelTypes, wrappers = [] }) =>
      modelTypes.map((type) =>
        row([`\`${type}\``, wrappers.map((own) => `\`${own}\``).join(", ") || "–", notes[type] ?? "?"]),
      ),
    ),
  ];
}

function sizeTable(): string[] {
  return [
    row([
      "model",
      "family",
      "parameters",
      "f32",
      "f16",
      "q8",
      "q4",
      "cache per 1,000 tokens",
      "in f16",
      "context",
    ]),
    row(["---", "---", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:"]),
    ...published.map(({ name, config }) => {
      const { parameters, bytes, cachePerToken, contextLength } = sizesOf(config);
      return row([
        name,
        `\`${(config as { model_type: string }).model_type}\``,
        `${(parameters / 1e6).toFixed(0)} M`,
        ...[bytes.f32, bytes.f16, bytes.q8, bytes.q4].map(gigabytes),
        ...[cachePerToken.f32, cachePerToken.f16].map((own) => `${(own / 1000).toFixed(0)} MB`),
        contextLength.toLocaleString("en-US"),
      ]);
    }),
  ];
}

/** Model types that have a note but no family, or a family but no note. */
export function unlisted(): readonly string[] {
  const known = families.flatMap(({ modelTypes }) => modelTypes);
  return [
    ...known.filter((type) => !(type in notes)),
    ...Object.keys(notes).filter((type) => !known.includes(type)),
  ];
}

/** Puts lines behind a mark. */
const put = (text: string, mark: string, lines: readonly string[]): string =>
  text.replace(`<!-- ${mark} -->\n`, `<!-- ${mark} -->\n\n${lines.join("\n")}\n`);

export function renderModelsPage(prose: string): string {
  return put(put(prose, "families", familyTable()), "sizes", sizeTable());
}
