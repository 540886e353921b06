// Decoders in float64, from a config.json of transformers 5 and tensors by their names in files: Llama and its relatives, Gemma,
// Phi 3, and GPT-NeoX. The formulas are those of the models' papers; pairs that positions turn are half of what is turned apart.
import { attentionForward } from "./attention.js";
import { gateForward } from "./gate.js";
import { linearForward } from "./linear.js";
import { normForward } from "./norm.js";
import type { Activation } from "./activation.js";

/** The keys of a config.json that are read here. */
export interface DecoderFile {
  readonly model_type: string;
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads?: number;
  readonly head_dim?: number;
  readonly rms_norm_eps?: number;
  readonly layer_norm_eps?: number;
  readonly tie_word_embeddings: boolean;
  readonly rope_parameters: Rope | Readonly<Record<string, Rope>>;
  readonly layer_types?: readonly string[];
  readonly sliding_window?: number | null;
  readonly no_rope_layers?: readonly number[];
  readonly query_pre_attn_scalar?: number;
  readonly attn_logit_softcapping?: number | null;
  readonly final_logit_softcapping?: number | null;
  readonly use_parallel_residual?: boolean;
  readonly embedding_multiplier?: number;
  readonly attention_multiplier?: number;
  readonly residual_multiplier?: number;
  readonly logits_scaling?: number;
}

interface Rope {
  readonly rope_theta: number;
  readonly rope_type: string;
  readonly factor?: number;
  readonly partial_rotary_factor?: number;
}

export type DecoderTensors = ReadonlyMap<string, ArrayLike<number>>;

/** Everything a layer needs to know. */
interface Sizes {
  readonly C: number;
  readonly H: number;
  readonly KV: number;
  readonly D: number;
  readonly F: number;
}

export function sizesOf(file: DecoderFile): Sizes {
  const { hidden_size: C, num_attention_heads: H, intermediate_size: F } = file;
  return { C, H, KV: file.num_key_value_heads ?? H, D: file.head_dim ?? C / H, F };
}

const isGemma = ({ model_type: type }: DecoderFile): boolean => type.startsWith("gemma");

/** What becomes of keys and values where they are stored. */
type Store = (value: number) => number;

/** Logits (T, V) of one sentence. */
export function decoderForward(
  file: DecoderFile,
  tensors: DecoderTensors,
  ids: readonly number[],
  store: Store = (value) => value,
): Float64Array {
  const { C } = sizesOf(file);
  const isNeox = file.model_type === "gpt_neox";
  const table = tensors.get(isNeox ? "gpt_neox.embed_in.weight" : "model.embed_tokens.weight")!;
  const scale = isGemma(file) ? Math.sqrt(C) : (file.embedding_multiplier ?? 1);
  let x: Float64Array = Float64Array.from(
    { length: ids.length * C },
    (_, at) => scale * table[ids[Math.floor(at / C)]! * C + (at % C)]!,
  );
  for (let layer = 0; layer < file.num_hidden_layers; layer++)
    x = isNeox ? neoxLayer(file, tensors, x, layer, store) : gatedLayer(file, tensors, x, layer, store);
  const name = isNeox ? "gpt_neox.final_layer_norm" : "model.norm";
  const last = normed(file, tensors, x, name);
  const head = file.tie_word_embeddings
    ? table
    : tensors.get(isNeox ? "embed_out.weight" : "lm_head.weight")!;
  const logits = linearForward({ x: last, weight: head, N: file.vocab_size, K: C });
  const cap = file.final_logit_softcapping ?? undefined;
  return logits.map((z) => {
    const own = z / (file.logits_scaling ?? 1);
    return cap === undefined ? own : cap * Math.tanh(own / cap);
  });
}

/** Llama's layer and what others make of it. */
function gatedLayer(
  file: DecoderFile,
  tensors: DecoderTensors,
  x: Float64Array,
  layer: number,
  store: Store,
): Float64Array {
  const { C, F } = sizesOf(file);
  const name = `model.layers.${layer}`;
  const linear = (own: string, from: Float64Array, N: number, K: number): Float64Array =>
    linearForward({ x: from, weight: tensors.get(`${own}.weight`)!, bias: tensors.get(`${own}.bias`), N, K });
  const norm = (own: string, from: Float64Array): Float64Array =>
    normed(file, tensors, from, `${name}.${own}`);
  // OLMo 2 normalises what comes out of attention and MLP, Gemma 2 and 3 what goes in as well.
  const isAfter = file.model_type === "olmo2";
  const isBoth = isGemma(file) && file.model_type !== "gemma";
  const add = (to: Float64Array, branch: Float64Array, own: string): Float64Array => {
    const added = isAfter || isBoth ? norm(own, branch) : branch;
    return to.map((value, at) => value + (file.residual_multiplier ?? 1) * added[at]!);
  };
  const attended = attend(file, tensors, isAfter ? x : norm("input_layernorm", x), layer, store);
  const middle = add(x, attended, "post_attention_layernorm");
  const input = isAfter
    ? middle
    : norm(isBoth ? "pre_feedforward_layernorm" : "post_attention_layernorm", middle);
  const T = x.length / C;
  const gateUp =
    file.model_type === "phi3"
      ? linear(`${name}.mlp.gate_up_proj`, input, 2 * F, C)
      : beside(linear(`${name}.mlp.gate_proj`, input, F, C), linear(`${name}.mlp.up_proj`, input, F, C), T);
  const activation: Activation = isGemma(file) ? "gelu-tanh" : "silu";
  const hidden = gateForward({ x: gateUp, F, activation });
  return add(middle, linear(`${name}.mlp.down_proj`, hidden, C, F), "post_feedforward_layernorm");
}

/** Attention of a layer, with its output projection. */
function attend(
  file: DecoderFile,
  tensors: DecoderTensors,
  x: Float64Array,
  layer: number,
  store: Store,
): Float64Array {
  const { C, H, KV, D } = sizesOf(file);
  const name = `model.layers.${layer}.self_attn`;
  const linear = (own: string, from: Float64Array, N: number, K: number): Float64Array =>
    linearForward({
      x: from,
      weight: tensors.get(`${name}.${own}.weight`)!,
      bias: tensors.get(`${name}.${own}.bias`),
      N,
      K,
    });
  let [q, k, v] =
    file.model_type === "phi3"
      ? parts(linear("qkv_proj", x, (H + 2 * KV) * D, C), [H * D, KV * D, KV * D])
      : [linear("q_proj", x, H * D, C), linear("k_proj", x, KV * D, C), linear("v_proj", x, KV * D, C)];
  for (const [own, heads] of [
    ["q_norm", H],
    ["k_norm", KV],
  ] as const) {
    const weight = tensors.get(`${name}.${own}.weight`);
    if (!weight) continue;
    // Of each head by itself, but in OLMo 2 of all together.
    const width = weight.length === D ? D : heads * D;
    const result = normed(file, tensors, own === "q_norm" ? q! : k!, `${name}.${own}`, width);
    if (own === "q_norm") q = result;
    else k = result;
  }
  const kind = file.layer_types?.[layer] ?? "full_attention";
  const hasRope = file.no_rope_layers?.[layer] !== 0;
  const turned = (own: Float64Array, heads: number): Float64Array =>
    hasRope ? turn(own, heads, D, ropeOf(file, kind)) : own;
  const hasWindow = file.layer_types ? kind === "sliding_attention" : file.model_type === "mistral";
  const scalar = file.query_pre_attn_scalar;
  const mixed = attentionForward({
    q: turned(q!, H),
    k: turned(k!, KV).map(store),
    v: v!.map(store),
    heads: H,
    keyValueHeads: KV,
    D,
    causal: true,
    scale: file.attention_multiplier ?? 1 / Math.sqrt(scalar ?? D),
    window: hasWindow ? (file.sliding_window ?? undefined) : undefined,
    cap: file.attn_logit_softcapping ?? undefined,
  });
  return linear("o_proj", mixed, C, H * D);
}

/** Norms with biases; queries, keys and values of a head lie together. */
function neoxLayer(
  file: DecoderFile,
  tensors: DecoderTensors,
  x: Float64Array,
  layer: number,
  store: Store,
): Float64Array {
  const { C, H, D, F } = sizesOf(file);
  const name = `gpt_neox.layers.${layer}`;
  const linear = (
    own: string,
    from: Float64Array,
    N: number,
    K: number,
    activation?: Activation,
  ): Float64Array =>
    linearForward({
      x: from,
      weight: tensors.get(`${name}.${own}.weight`)!,
      bias: tensors.get(`${name}.${own}.bias`)!,
      activation,
      N,
      K,
    });
  const qkv = linear(
    "attention.query_key_value",
    normed(file, tensors, x, `${name}.input_layernorm`),
    3 * C,
    C,
  );
  const [q, k, v] = [0, 1, 2].map((part) =>
    Float64Array.from({ length: x.length }, (_, at) => {
      const [row, head, d] = [Math.floor(at / C), Math.floor((at % C) / D), at % D];
      return qkv[row * 3 * C + head * 3 * D + part * D + d]!;
    }),
  ) as [Float64Array, Float64Array, Float64Array];
  const rope = ropeOf(file, "full_attention");
  const mixed = attentionForward({
    q: turn(q, H, D, rope),
    k: turn(k, H, D, rope).map(store),
    v: v.map(store),
    heads: H,
    D,
    causal: true,
  });
  const attended = linear("attention.dense", mixed, C, C);
  const middle = x.map((value, at) => value + attended[at]!);
  const input = normed(
    file,
    tensors,
    file.use_parallel_residual === false ? middle : x,
    `${name}.post_attention_layernorm`,
  );
  const mlp = linear("mlp.dense_4h_to_h", linear("mlp.dense_h_to_4h", input, F, C, "gelu-erf"), C, F);
  return middle.map((value, at) => value + mlp[at]!);
}

function normed(
  file: DecoderFile,
  tensors: DecoderTensors,
  x: Float64Array,
  name: string,
  width: number = file.hidden_size,
): Float64Array {
  const bias = tensors.get(`${name}.bias`);
  return normForward({
    x,
    weight: tensors.get(`${name}.weight`)!,
    ...(bias ? { bias } : {}),
    C: width,
    epsilon: file.rms_norm_eps ?? file.layer_norm_eps!,
    method: bias ? "layer" : "rms",
    offset: isGemma(file) ? 1 : 0,
  });
}

function ropeOf({ rope_parameters: own }: DecoderFile, kind: string): Rope {
  return "rope_type" in own ? (own as Rope) : own[kind]!;
}

/** Turns (x_i, x_{i + d/2}) of the first d numbers of each head; row t has position t. */
function turn(x: Float64Array, heads: number, D: number, rope: Rope): Float64Array {
  const d = Math.trunc(D * (rope.partial_rotary_factor ?? 1));
  const result = x.slice();
  for (let row = 0; row < x.length / D; row++)
    for (let pair = 0; pair < d / 2; pair++) {
      const position = Math.floor(row / heads);
      const angle =
        (position * rope.rope_theta ** ((-2 * pair) / d)) / (rope.rope_type === "linear" ? rope.factor! : 1);
      const [a, b] = [row * D + pair, row * D + pair + d / 2];
      result[a] = x[a]! * Math.cos(angle) - x[b]! * Math.sin(angle);
      result[b] = x[b]! * Math.cos(angle) + x[a]! * Math.sin(angle);
    }
  return result;
}

/** Columns of rows, cut into parts of these widths. */
function parts(x: Float64Array, widths: readonly number[]): Float64Array[] {
  const whole = widths.reduce((a, b) => a + b, 0);
  return widths.map((width, index) => {
    const first = widths.slice(0, index).reduce((a, b) => a + b, 0);
    return Float64Array.from(
      { length: (x.length / whole) * width },
      (_, at) => x[Math.floor(at / width) * whole + first + (at % width)]!,
    );
  });
}

/** The columns of two matrices of as many rows, side by side. */
function beside(a: Float64Array, b: Float64Array, rows: number): Float64Array {
  const width = a.length / rows;
  return Float64Array.from({ length: 2 * a.length }, (_, at) => {
    const [row, column] = [Math.floor(at / (2 * width)), at % (2 * width)];
    return column < width ? a[row * width + column]! : b[row * width + column - width]!;
  });
}
