// The model of the benchmark of embedding: an encoder like BERT with a tokenizer of made-up words, from a seed, the same in every
// process and browser.
import type { EncoderFile } from "../../../../test/reference/encoder.js";
import { SeededRandom } from "../../../util/seeded-random.js";
import { largestOf } from "./decoder.js";

export interface EncoderShape {
  readonly name: string;
  readonly layers: number;
  readonly channels: number;
  readonly hidden: number;
  readonly heads: number;
  readonly vocabulary: number;
  readonly contextLength: number;
}

/** The shape of all-MiniLM-L6-v2. */
export const miniLm: EncoderShape = {
  name: "all-MiniLM-L6-v2",
  layers: 6,
  channels: 384,
  hidden: 1536,
  heads: 12,
  vocabulary: 30_522,
  contextLength: 512,
};

/** A shape that is as fast as a test wants it. */
export const tinyEncoder: EncoderShape = {
  ...miniLm,
  layers: 2,
  channels: 32,
  hidden: 64,
  heads: 4,
  vocabulary: 320,
};

export interface MadeEncoder {
  /** The content of config.json, tokenizer.json and tokenizer_config.json. */
  readonly config: EncoderFile & Readonly<Record<string, unknown>>;
  readonly tokenizer: object;
  readonly tokenizerConfig: object;
  readonly tensors: ReadonlyMap<
    string,
    { readonly shape: readonly number[]; readonly values: Float32Array<ArrayBuffer> }
  >;
}

/** The tokens that are no words: what pads, what is unknown, and what begins and ends a text. */
const special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] as const;

/** The model in float32. Weights are spread evenly, with the deviation 1/√inputs. */
export function makeEncoder(shape: EncoderShape, seed: number): MadeEncoder {
  const { layers, channels: C, hidden: F, vocabulary, contextLength } = shape;
  const random = new SeededRandom(seed);
  const tensors = new Map<string, { shape: readonly number[]; values: Float32Array<ArrayBuffer> }>();
  const add = (name: string, extents: readonly number[], most: number, mean = 0): void => {
    const values = new Float32Array(extents.reduce((product, extent) => product * extent, 1));
    for (let index = 0; index < values.length; index++)
      values[index] = mean + most * (2 * random.uniform() - 1);
    tensors.set(name, { shape: extents, values });
  };
  const linear = (name: string, inputs: number, outputs: number): void => {
    add(`${name}.weight`, [outputs, inputs], largestOf(inputs));
    add(`${name}.bias`, [outputs], 0.1);
  };
  const norm = (name: string): void => {
    add(`${name}.weight`, [C], 0.1, 1);
    add(`${name}.bias`, [C], 0.1);
  };
  add("embeddings.word_embeddings.weight", [vocabulary, C], 1);
  add("embeddings.position_embeddings.weight", [contextLength, C], 1);
  add("embeddings.token_type_embeddings.weight", [2, C], 1);
  norm("embeddings.LayerNorm");
  for (let layer = 0; layer < layers; layer++) {
    const own = `encoder.layer.${layer}`;
    for (const role of ["query", "key", "value"]) linear(`${own}.attention.self.${role}`, C, C);
    linear(`${own}.attention.output.dense`, C, C);
    norm(`${own}.attention.output.LayerNorm`);
    linear(`${own}.intermediate.dense`, C, F);
    linear(`${own}.output.dense`, F, C);
    norm(`${own}.output.LayerNorm`);
  }
  return { config: configOf(shape), ...tokenizerOf(shape), tensors };
}

/** A text of `tokens` tokens, those at its ends included. */
export function makeText({ vocabulary }: EncoderShape, tokens: number, random: SeededRandom): string {
  return Array.from({ length: tokens - 2 }, () =>
    wordOf(Math.floor(random.uniform() * (vocabulary - special.length))),
  ).join(" ");
}

/** The ids of such a text. */
export function idsOf(text: string): number[] {
  const inner = text.split(" ").map((word) => special.length + numberOf(word));
  return [special.indexOf("[CLS]"), ...inner, special.indexOf("[SEP]")];
}

/** The word of a number: its digits to the base of 26, as four letters. */
function wordOf(number: number): string {
  let rest = number;
  let word = "";
  for (let letter = 0; letter < 4; letter++) {
    word = String.fromCodePoint(97 + (rest % 26)) + word;
    rest = Math.floor(rest / 26);
  }
  return word;
}

const numberOf = (word: string): number =>
  Array.from(word).reduce((number, letter) => 26 * number + letter.codePointAt(0)! - 97, 0);

function configOf(shape: EncoderShape): MadeEncoder["config"] {
  return {
    model_type: "bert",
    architectures: ["BertModel"],
    vocab_size: shape.vocabulary,
    hidden_size: shape.channels,
    intermediate_size: shape.hidden,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    max_position_embeddings: shape.contextLength,
    type_vocab_size: 2,
    hidden_act: "gelu",
    layer_norm_eps: 1e-12,
    pad_token_id: 0,
  };
}

const frame = (name: "[CLS]" | "[SEP]"): unknown => ({ SpecialToken: { id: name, type_id: 0 } });
const named = (id: "[CLS]" | "[SEP]"): unknown => ({ id, ids: [special.indexOf(id)], tokens: [id] });

function tokenizerOf({
  vocabulary,
  contextLength,
}: EncoderShape): Pick<MadeEncoder, "tokenizer" | "tokenizerConfig"> {
  const words = Array.from({ length: vocabulary - special.length }, (_, index) => wordOf(index));
  const vocab = Object.fromEntries([...special, ...words].map((word, id) => [word, id]));
  return {
    tokenizer: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: special.map((content, id) => ({
        id,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
      normalizer: {
        type: "BertNormalizer",
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: null,
        lowercase: true,
      },
      pre_tokenizer: { type: "BertPreTokenizer" },
      post_processor: {
        type: "TemplateProcessing",
        single: [frame("[CLS]"), { Sequence: { id: "A", type_id: 0 } }, frame("[SEP]")],
        pair: [frame("[CLS]"), { Sequence: { id: "A", type_id: 0 } }, frame("[SEP]")],
        special_tokens: { "[CLS]": named("[CLS]"), "[SEP]": named("[SEP]") },
      },
      decoder: { type: "WordPiece", prefix: "##", cleanup: true },
      model: {
        type: "WordPiece",
        unk_token: "[UNK]",
        continuing_subword_prefix: "##",
        max_input_chars_per_word: 100,
        vocab,
      },
    },
    tokenizerConfig: {
      tokenizer_class: "BertTokenizer",
      do_lower_case: true,
      model_max_length: contextLength,
      pad_token: "[PAD]",
      unk_token: "[UNK]",
      cls_token: "[CLS]",
      sep_token: "[SEP]",
    },
  };
}
