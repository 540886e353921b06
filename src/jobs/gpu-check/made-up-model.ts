// The decoders that a GPU is checked with: made up from a seed, the same in every engine. Every weight is a whole number times a
// power of two that f16 holds exactly, so that float64, f32 and f16 mean the same model.
import type { ModelParts } from "../../index.js";
import { SeededRandom } from "../../util/seeded-random.js";

export interface DecoderShape {
  readonly layers: number;
  readonly channels: number;
  readonly hidden: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly vocabulary: number;
  readonly contextLength: number;
}

/** Compared with recorded float64 as a whole. */
export const checkedShape: DecoderShape = {
  layers: 2,
  channels: 64,
  hidden: 128,
  heads: 2,
  keyValueHeads: 1,
  vocabulary: 256,
  contextLength: 64,
};

/** Timed on GPUs: 168 MB in f16, more than the caches of GPUs hold, with widths as of models of half a billion weights. */
export const wholeShape: DecoderShape = {
  layers: 4,
  channels: 1024,
  hidden: 3072,
  heads: 16,
  keyValueHeads: 8,
  vocabulary: 32_768,
  contextLength: 512,
};

/** Timed on software adapters, and where figures need not mean anything: 8 MB in f16. */
export const smallShape: DecoderShape = {
  layers: 4,
  channels: 256,
  hidden: 768,
  heads: 4,
  keyValueHeads: 2,
  vocabulary: 4096,
  contextLength: 512,
};

export interface MadeUpModel {
  /** The content of config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  /** By the names of files, as bits of f16. */
  readonly tensors: ReadonlyMap<string, MadeUpTensor>;
}

export interface MadeUpTensor {
  readonly shape: readonly number[];
  readonly bits: Uint16Array<ArrayBuffer>;
}

/** The numbers of weights that each row of a step is multiplied with: those of the layers, and of the head, which is tied. */
export function countWeights(shape: DecoderShape): { readonly layers: number; readonly head: number } {
  const { channels, vocabulary } = shape;
  const ofLayer = matricesOf(shape).reduce((sum, [, outputs, inputs]) => sum + outputs * inputs, 0);
  return { layers: shape.layers * ofLayer, head: vocabulary * channels };
}

export function makeUpModel(shape: DecoderShape, seed: number): MadeUpModel {
  const random = new SeededRandom(seed);
  const { layers, channels: C, vocabulary } = shape;
  const tensors = new Map<string, MadeUpTensor>();
  const addMatrix = (name: string, outputs: number, inputs: number): void => {
    const bits = randomBits(outputs * inputs, inputs, random);
    tensors.set(name, { shape: [outputs, inputs], bits });
  };
  const addNorm = (name: string): void => {
    tensors.set(name, { shape: [C], bits: new Uint16Array(C).fill(toHalfBits(1, 0)) });
  };
  addMatrix("model.embed_tokens.weight", vocabulary, C);
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `model.layers.${layer}.`;
    addNorm(`${prefix}input_layernorm.weight`);
    for (const [name, outputs, inputs] of matricesOf(shape))
      addMatrix(`${prefix}${name}.weight`, outputs, inputs);
    addNorm(`${prefix}post_attention_layernorm.weight`);
  }
  addNorm("model.norm.weight");
  return { config: configOf(shape), tensors };
}

/** Config and weights as files: https://github.com/huggingface/safetensors#format. */
export function toParts({ config, tensors }: MadeUpModel): ModelParts {
  const header: Record<string, unknown> = {};
  let end = 0;
  for (const [name, { shape, bits }] of tensors) {
    const begin = end;
    end += bits.byteLength;
    header[name] = { dtype: "F16", shape, data_offsets: [begin, end] };
  }
  const json = JSON.stringify(header);
  const text = new TextEncoder().encode(json.padEnd(8 * Math.ceil(json.length / 8)));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  // A blob, so that the tensors are not copied once more.
  return { config, weights: new Blob([length, text, ...[...tensors.values()].map(({ bits }) => bits)]) };
}

/** Random tokens. */
export function makeTokens(length: number, { vocabulary }: DecoderShape, seed: number): number[] {
  const random = new SeededRandom(seed);
  return Array.from({ length }, () => Math.floor(random.uniform() * vocabulary));
}

/** The matrices of a layer by their names in files. */
export function matricesOf({
  channels: C,
  hidden: F,
  heads,
  keyValueHeads,
}: DecoderShape): readonly (readonly [name: string, outputs: number, inputs: number])[] {
  const shared = (C / heads) * keyValueHeads;
  return [
    ["self_attn.q_proj", C, C],
    ["self_attn.k_proj", shared, C],
    ["self_attn.v_proj", shared, C],
    ["self_attn.o_proj", C, C],
    ["mlp.gate_proj", F, C],
    ["mlp.up_proj", F, C],
    ["mlp.down_proj", C, F],
  ];
}

function configOf(shape: DecoderShape): MadeUpModel["config"] {
  return {
    model_type: "mistral",
    architectures: ["MistralForCausalLM"],
    ...configSizes(shape),
    rope_parameters: { rope_type: "default", rope_theta: 10_000 },
    sliding_window: null,
  };
}

/** What config.json says of a shape. */
export function configSizes(shape: DecoderShape): ConfigSizes {
  return {
    vocab_size: shape.vocabulary,
    hidden_size: shape.channels,
    intermediate_size: shape.hidden,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.keyValueHeads,
    max_position_embeddings: shape.contextLength,
    hidden_act: "silu",
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
  };
}

export interface ConfigSizes {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly max_position_embeddings: number;
  readonly hidden_act: "silu";
  readonly rms_norm_eps: number;
  readonly tie_word_embeddings: true;
}

/** The largest of the whole numbers that weights are made of. */
const MOST = 127;

/** Numbers of about the deviation 1/√inputs: from −127 to 127, times a power of two. */
function randomBits(count: number, inputs: number, random: SeededRandom): Uint16Array<ArrayBuffer> {
  const exponent = -Math.round(Math.log2((MOST / Math.sqrt(3)) * Math.sqrt(inputs)));
  const table = Uint16Array.from({ length: 2 * MOST + 1 }, (_, index) => toHalfBits(index - MOST, exponent));
  const bits = new Uint16Array(count);
  for (let index = 0; index < count; index++)
    bits[index] = table[Math.floor(random.uniform() * table.length)]!;
  return bits;
}

/** The bits in f16 of `whole` · 2^`exponent`, exactly. */
function toHalfBits(whole: number, exponent: number): number {
  if (whole === 0) return 0;
  const size = Math.abs(whole);
  const top = 31 - Math.clz32(size);
  const biased = top + exponent + 15;
  return (whole < 0 ? 0x8000 : 0) | (biased << 10) | ((size - 2 ** top) * 2 ** (10 - top));
}
