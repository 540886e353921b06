// Small GPT-2 models made up from a seed, as their files and as the weights of the float64 reference.
import { float32ToFloat16, toFloat32, type Dtype } from "../../src/tensor/formats.js";
import type { StoredTensor } from "../../src/files/safetensors.js";
import { writeSafetensors } from "../../src/files/safetensors-writer.js";
import type { ModelParts } from "../../src/files/source.js";
import type { ActivationName } from "../../src/families/model-config.js";
import type { Gpt2ReferenceConfig } from "../reference/gpt2.js";
import { SeededRandom } from "./random.js";

/** What may be chosen; everything has a default. */
export interface TinyModelOptions {
  readonly seed?: number;
  readonly layers?: number;
  /** C. */
  readonly channels?: number;
  readonly heads?: number;
  /** V. */
  readonly vocabulary?: number;
  /** F. */
  readonly hidden?: number;
  readonly contextLength?: number;
  readonly activation?: ActivationName;
  readonly tiedHead?: boolean;
  readonly headBias?: boolean;
  readonly dtype?: Dtype;
  /** The prefix of every tensor's name. */
  readonly prefix?: "" | "transformer.";
}

export interface TinyModel {
  /** The content of config.json, also as the reference reads it. */
  readonly config: Gpt2ReferenceConfig & Readonly<Record<string, unknown>>;
  readonly tensors: readonly StoredTensor[];
  /** What the files hold, exactly, by name without prefix. */
  readonly weights: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
  /** The model as `Model.load` takes it. */
  readonly parts: ModelParts & { readonly weights: Uint8Array<ArrayBuffer> };
}

/** By default: 2 layers, C = 10 in 2 heads of width 5, F = 18, V = 13, a context of 24. No width is a multiple of 4. */
export function makeTinyModel(options: TinyModelOptions = {}): TinyModel {
  const { seed = 1, layers = 2, channels: C = 10, heads = 2, vocabulary: V = 13, hidden: F = 18 } = options;
  const { contextLength = 24, activation = "gelu_new", tiedHead = true, headBias = false } = options;
  const { dtype = "F32", prefix = "" } = options;
  const config = {
    model_type: "gpt2",
    architectures: ["GPT2LMHeadModel"],
    n_layer: layers,
    n_head: heads,
    n_embd: C,
    n_inner: F,
    n_positions: contextLength,
    vocab_size: V,
    activation_function: activation,
    layer_norm_epsilon: 1e-5,
    tie_word_embeddings: tiedHead,
  };
  const random = new SeededRandom(seed);
  const tensors: StoredTensor[] = [];
  const weights = new Map<string, Float32Array<ArrayBuffer>>();
  const add = (name: string, shape: readonly number[], scale: number, mean = 0): void => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    const values = Float32Array.from({ length: count }, () => mean + scale * random.normal());
    const bytes = encode(values, dtype);
    tensors.push({ name: `${name === "lm_head.weight" ? "" : prefix}${name}`, dtype, shape, bytes });
    weights.set(name, toFloat32(bytes, dtype));
  };
  const addLinear = (name: string, inputs: number, outputs: number): void => {
    add(`${name}.weight`, [inputs, outputs], 1 / Math.sqrt(inputs));
    add(`${name}.bias`, [outputs], 0.2);
  };
  const addNorm = (name: string): void => {
    add(`${name}.weight`, [C], 0.2, 1);
    add(`${name}.bias`, [C], 0.2);
  };
  add("wte.weight", [V, C], 0.7);
  add("wpe.weight", [contextLength, C], 0.3);
  for (let layer = 0; layer < layers; layer++) {
    addNorm(`h.${layer}.ln_1`);
    addLinear(`h.${layer}.attn.c_attn`, C, 3 * C);
    addLinear(`h.${layer}.attn.c_proj`, C, C);
    addNorm(`h.${layer}.ln_2`);
    addLinear(`h.${layer}.mlp.c_fc`, C, F);
    addLinear(`h.${layer}.mlp.c_proj`, F, C);
  }
  addNorm("ln_f");
  if (!tiedHead) add("lm_head.weight", [V, C], 0.7);
  if (headBias) add("lm_head.bias", [V], 0.5);
  return { config, tensors, weights, parts: { config, weights: writeSafetensors(tensors) } };
}

/** `count` sentences of 1…`longest` random ids below `vocabulary`. The first has one token, the second `longest`. */
export function makeSentences(seed: number, count: number, longest: number, vocabulary: number): number[][] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, (_, index) => {
    const length = index === 0 ? 1 : index === 1 ? longest : 1 + random.integer(longest);
    return Array.from({ length }, () => random.integer(vocabulary));
  });
}

function encode(values: Float32Array<ArrayBuffer>, dtype: Dtype): Uint8Array<ArrayBuffer> {
  switch (dtype) {
    case "F32":
      return new Uint8Array(values.buffer);
    case "F16":
      return new Uint8Array(float32ToFloat16(values).buffer);
    case "BF16":
      // Truncated, not rounded: any value will do.
      return new Uint8Array(Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16).buffer);
    default:
      return dtype satisfies never;
  }
}
