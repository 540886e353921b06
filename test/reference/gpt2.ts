// GPT-2's forward pass of one sentence in float64, every stage kept by name.
// The model: https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf.
import { geluErf, geluTanh, relu } from "./activation.js";
import { attentionForward } from "./attention.js";
import { embeddingForward } from "./embedding.js";
import { normForward } from "./norm.js";
import { linearForward } from "./linear.js";

/** The keys of config.json that the forward pass reads. */
export interface Gpt2ReferenceConfig {
  readonly n_layer: number;
  readonly n_head: number;
  readonly n_embd: number;
  readonly activation_function: string;
  readonly layer_norm_epsilon: number;
}

/** Tensors by Hugging Face's names without prefix; linear weights (in, out). */
export type Gpt2ReferenceWeights = ReadonlyMap<string, Float32Array | Float64Array>;

/** What a forward pass computes. */
export interface Gpt2ReferenceResult {
  /** After the final norm (T, C). */
  readonly hidden: Float64Array;
  /** (T, V). */
  readonly logits: Float64Array;
  /**
   * "embeddings", per layer l "h.l." + ln_1, qkv, q, k, v, attention, projection, residual, ln_2, fc, activation, mlp,
   * output; then "ln_f" and "logits". Row-major with T rows.
   */
  readonly stages: ReadonlyMap<string, Float64Array>;
}

const activationByName: Readonly<Record<string, (x: number) => number>> = {
  gelu: geluErf,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  relu,
};

/**
 * The forward pass over `ids`, all tokens of one sentence from position 0 on. `store` is what becomes of keys and values where they
 * are stored.
 */
export function gpt2Forward(
  config: Gpt2ReferenceConfig,
  weights: Gpt2ReferenceWeights,
  ids: readonly number[],
  store: (value: number) => number = (value) => value,
): Gpt2ReferenceResult {
  const { n_embd: C, n_head: heads, layer_norm_epsilon: epsilon } = config;
  const activate = activationByName[config.activation_function];
  if (!activate) throw new Error(`the reference has no activation ${config.activation_function}`);
  const stages = new Map<string, Float64Array>();
  const keep = (name: string, values: Float64Array): Float64Array => {
    stages.set(name, values);
    return values;
  };
  const weight = (name: string): Float32Array | Float64Array => {
    const values = weights.get(name);
    if (!values) throw new Error(`the weights have no ${name}`);
    return values;
  };
  const norm = (name: string, x: Float64Array): Float64Array =>
    normForward({ x, weight: weight(`${name}.weight`), bias: weight(`${name}.bias`), C, epsilon });
  const linear = (name: string, x: Float64Array): Float64Array => {
    const matrix = weight(`${name}.weight`);
    const bias = weight(`${name}.bias`);
    const N = bias.length;
    const K = matrix.length / N;
    return linearForward({ x, weight: transpose(matrix, K, N), bias, N, K });
  };

  const tables = { tokenTable: weight("wte.weight"), positionTable: weight("wpe.weight") };
  let x = keep("embeddings", embeddingForward({ ids, ...tables, C }));
  for (let layer = 0; layer < config.n_layer; layer++) {
    const name = `h.${layer}`;
    const normed = keep(`${name}.ln_1`, norm(`${name}.ln_1`, x));
    const qkv = keep(`${name}.qkv`, linear(`${name}.attn.c_attn`, normed));
    const q = keep(`${name}.q`, columns(qkv, 3 * C, 0, C));
    const k = keep(`${name}.k`, columns(qkv, 3 * C, C, C).map(store));
    const v = keep(`${name}.v`, columns(qkv, 3 * C, 2 * C, C).map(store));
    const mixed = keep(`${name}.attention`, attentionForward({ q, k, v, heads, D: C / heads, causal: true }));
    const projection = keep(`${name}.projection`, linear(`${name}.attn.c_proj`, mixed));
    const residual = keep(`${name}.residual`, add(x, projection));
    const normedAgain = keep(`${name}.ln_2`, norm(`${name}.ln_2`, residual));
    const fc = keep(`${name}.fc`, linear(`${name}.mlp.c_fc`, normedAgain));
    const activated = keep(`${name}.activation`, fc.map(activate));
    const mlp = keep(`${name}.mlp`, linear(`${name}.mlp.c_proj`, activated));
    x = keep(`${name}.output`, add(residual, mlp));
  }
  const hidden = keep("ln_f", norm("ln_f", x));
  const head = weights.get("lm_head.weight") ?? weight("wte.weight");
  const bias = weights.get("lm_head.bias");
  const logits = keep("logits", linearForward({ x: hidden, weight: head, bias, N: head.length / C, K: C }));
  return { hidden, logits, stages };
}

function transpose(matrix: Float32Array | Float64Array, rows: number, columnCount: number): Float64Array {
  const result = new Float64Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columnCount; column++) {
      result[column * rows + row] = matrix[row * columnCount + column]!;
    }
  }
  return result;
}

/** Columns first…first+count−1 of a matrix with rows of `width`. */
function columns(matrix: Float64Array, width: number, first: number, count: number): Float64Array {
  const rows = matrix.length / width;
  return Float64Array.from(
    { length: rows * count },
    (_, i) => matrix[Math.floor(i / count) * width + first + (i % count)]!,
  );
}

function add(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value + b[i]!);
}
