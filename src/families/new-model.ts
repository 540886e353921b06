// A new GPT-2 model that has learned nothing yet: config and random weights from a seed, as files that can be loaded.
import { ArgumentError } from "../errors.js";
import { SeededRandom } from "../util/seeded-random.js";
import { parseGpt2Config, type ActivationName } from "./gpt2-config.js";
import type { StoredTensor } from "../files/safetensors.js";
import { writeSafetensors } from "../files/safetensors-writer.js";
import type { ModelParts } from "../files/source.js";

/** The shape of a new model. */
export interface NewModelOptions {
  /** V: entries of the vocabulary, those of the tokenizer. */
  readonly vocabularySize: number;
  readonly layers: number;
  /** Must divide `channels`. */
  readonly heads: number;
  /** C: model width. */
  readonly channels: number;
  /** The longest sentence in tokens. */
  readonly contextLength: number;
  /** F: width inside the MLP. Default: 4 C. */
  readonly hidden?: number;
  /** Default: "gelu_new". */
  readonly activation?: ActivationName;
  readonly beginToken?: number;
  readonly endToken?: number;
  /** The same seed gives the same weights, in every engine. Default: 0. */
  readonly seed?: number;
  /** The parsed tokenizer.json and tokenizer_config.json that texts are to be encoded with. */
  readonly tokenizer?: object;
  readonly tokenizerConfig?: object;
}

/** GPT-2's deviation of every matrix and embedding. */
const DEVIATION = 0.02;

/**
 * Config and random weights of a new GPT-2 model, as GPT-2 begins: matrices and embeddings normal with deviation 0.02,
 * those that end a residual branch divided by √(2 · layers), norms 1 and 0, biases 0; the head is the token embedding.
 * @throws ArgumentError for a shape that is none.
 *
 * @example
 * ```ts
 * import { createModelParts, Model } from "weft";
 *
 * const shape = { layers: 2, heads: 4, channels: 64, contextLength: 64, vocabularySize: 256 };
 * await using model = await Model.load(createModelParts(shape));
 * for await (const { loss } of model.train([[1, 2, 3], [4, 5, 6, 7]], { steps: 10 })) console.log(loss);
 * ```
 */
export function createModelParts(
  options: NewModelOptions,
): ModelParts & { readonly weights: Uint8Array<ArrayBuffer> } {
  const { layers, heads, channels: C, contextLength, vocabularySize: V, activation = "gelu_new" } = options;
  const { hidden: F = 4 * C, seed = 0, beginToken, endToken, tokenizer, tokenizerConfig } = options;
  const config = {
    model_type: "gpt2",
    architectures: ["GPT2LMHeadModel"],
    vocab_size: V,
    n_positions: contextLength,
    n_ctx: contextLength,
    n_embd: C,
    n_layer: layers,
    n_head: heads,
    n_inner: F,
    activation_function: activation,
    layer_norm_epsilon: 1e-5,
    initializer_range: DEVIATION,
    tie_word_embeddings: true,
    ...(beginToken === undefined ? {} : { bos_token_id: beginToken }),
    ...(endToken === undefined ? {} : { eos_token_id: endToken }),
    torch_dtype: "float32",
  };
  try {
    parseGpt2Config(config, "the new model");
  } catch (cause) {
    throw new ArgumentError({
      argument: "options",
      expected: "sizes above 0, heads that divide the channels, and tokens of the vocabulary",
      received: { layers, heads, channels: C, contextLength, vocabularySize: V, hidden: F },
      remedy: cause instanceof Error ? cause.message : "Correct the shape.",
    });
  }
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new ArgumentError({
      argument: "seed",
      expected: "a whole number of at least 0",
      received: seed,
      remedy: "Leave it out for 0.",
    });
  }
  const weights = writeSafetensors(randomTensors({ V, C, F, layers, contextLength }, seed), { format: "pt" });
  return {
    config,
    weights,
    ...(tokenizer ? { tokenizer } : {}),
    ...(tokenizerConfig ? { tokenizerConfig } : {}),
  };
}

interface Shape {
  readonly V: number;
  readonly C: number;
  readonly F: number;
  readonly layers: number;
  readonly contextLength: number;
}

/** Named as in Hugging Face's GPT2Model; linear weights (in, out). */
function randomTensors({ V, C, F, layers, contextLength }: Shape, seed: number): StoredTensor[] {
  const random = new SeededRandom(seed);
  const tensors: StoredTensor[] = [];
  const add = (name: string, shape: readonly number[], value: () => number): void => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    const values = Float32Array.from({ length: count }, value);
    tensors.push({ name, dtype: "F32", shape, bytes: new Uint8Array(values.buffer) });
  };
  const normal = (deviation: number) => (): number => deviation * random.normal();
  const addLinear = (name: string, inputs: number, outputs: number, deviation: number): void => {
    add(`${name}.weight`, [inputs, outputs], normal(deviation));
    add(`${name}.bias`, [outputs], () => 0);
  };
  const addNorm = (name: string): void => {
    add(`${name}.weight`, [C], () => 1);
    add(`${name}.bias`, [C], () => 0);
  };
  const residual = DEVIATION / Math.sqrt(2 * layers);
  add("wte.weight", [V, C], normal(DEVIATION));
  add("wpe.weight", [contextLength, C], normal(DEVIATION));
  for (let layer = 0; layer < layers; layer++) {
    addNorm(`h.${layer}.ln_1`);
    addLinear(`h.${layer}.attn.c_attn`, C, 3 * C, DEVIATION);
    addLinear(`h.${layer}.attn.c_proj`, C, C, residual);
    addNorm(`h.${layer}.ln_2`);
    addLinear(`h.${layer}.mlp.c_fc`, C, F, DEVIATION);
    addLinear(`h.${layer}.mlp.c_proj`, F, C, residual);
  }
  addNorm("ln_f");
  return tensors;
}
