// Makes a GPT-2 model from a seed, the same in every process and browser: config, weights and sentences. Uses only exact
// arithmetic, because engines differ in their mathematical functions.
import { SeededRandom } from "../../../util/seeded-random.js";
import type { ModelShape } from "../statistics.js";

export interface SyntheticShape extends ModelShape {
  readonly heads: number;
  readonly contextLength: number;
}

export interface SyntheticModel {
  /** The content of config.json. */
  readonly config: {
    readonly n_layer: number;
    readonly n_head: number;
    readonly n_embd: number;
    readonly activation_function: string;
    readonly layer_norm_epsilon: number;
  } & Readonly<Record<string, unknown>>;
  /** Named as in Hugging Face's files. Linear weights are (in, out). */
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;
}

export function makeSyntheticModel(shape: SyntheticShape, seed: number): SyntheticModel {
  const { layers, channels: C, hidden: F, vocabulary: V, contextLength, heads } = shape;
  const random = new SeededRandom(seed);
  const tensors = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  const add = (name: string, tensorShape: readonly number[], scale: number, mean = 0): void => {
    const count = tensorShape.reduce((product, extent) => product * extent, 1);
    const values = Float32Array.from({ length: count }, () => mean + scale * bell(random));
    tensors.set(name, { shape: tensorShape, values });
  };
  const addLinear = (name: string, inputs: number, outputs: number): void => {
    add(`${name}.weight`, [inputs, outputs], 1 / Math.sqrt(inputs));
    add(`${name}.bias`, [outputs], 0.1);
  };
  const addNorm = (name: string): void => {
    add(`${name}.weight`, [C], 0.1, 1);
    add(`${name}.bias`, [C], 0.1);
  };
  add("wte.weight", [V, C], 1 / Math.sqrt(C));
  add("wpe.weight", [contextLength, C], 0.5 / Math.sqrt(C));
  for (let layer = 0; layer < layers; layer++) {
    addNorm(`h.${layer}.ln_1`);
    addLinear(`h.${layer}.attn.c_attn`, C, 3 * C);
    addLinear(`h.${layer}.attn.c_proj`, C, C);
    addNorm(`h.${layer}.ln_2`);
    addLinear(`h.${layer}.mlp.c_fc`, C, F);
    addLinear(`h.${layer}.mlp.c_proj`, F, C);
  }
  addNorm("ln_f");
  const config = {
    model_type: "gpt2",
    n_layer: layers,
    n_head: heads,
    n_embd: C,
    n_inner: F,
    n_positions: contextLength,
    vocab_size: V,
    activation_function: "gelu_new",
    layer_norm_epsilon: 1e-5,
  };
  return { config, tensors };
}

/** Random token ids of sentences of these lengths. */
export function makeSentences(lengths: readonly number[], vocabulary: number, seed: number): number[][] {
  const random = new SeededRandom(seed);
  return lengths.map((length) => Array.from({ length }, () => Math.floor(random.uniform() * vocabulary)));
}

/** Returns a function that returns random numbers in [0, 1). */
export function makeUniform(seed: number): () => number {
  const random = new SeededRandom(seed);
  return () => random.uniform();
}

/** The tensors as a safetensors file: https://github.com/huggingface/safetensors#format. */
export function toSafetensors({ tensors }: Pick<SyntheticModel, "tensors">): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = {};
  let dataBytes = 0;
  for (const [name, { shape, values }] of tensors) {
    const end = dataBytes + values.byteLength;
    header[name] = { dtype: "F32", shape, data_offsets: [dataBytes, end] };
    dataBytes = end;
  }
  const json = JSON.stringify(header);
  // Padded with spaces, so that the data begin at a multiple of 8.
  const text = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8));
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  let at = 8 + text.length;
  for (const { values } of tensors.values()) {
    file.set(new Uint8Array(values.buffer), at);
    at += values.byteLength;
  }
  return file;
}

/** Mean 0, deviation 1, from −√12 to √12: four uniform numbers of variance 1/12 each. */
function bell(random: SeededRandom): number {
  let sum = -2;
  for (let term = 0; term < 4; term++) sum += random.uniform();
  return sum * Math.sqrt(3);
}
