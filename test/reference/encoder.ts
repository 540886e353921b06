// The encoder BERT in float64 (https://arxiv.org/abs/1810.04805), from a config.json and tensors by their names in files.
import { attentionForward } from "./attention.js";
import { linearForward } from "./linear.js";
import { normForward } from "./norm.js";
import type { Activation } from "./activation.js";

/** The keys of a config.json that are read here. */
export interface EncoderFile {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly layer_norm_eps: number;
}

export type EncoderTensors = ReadonlyMap<string, ArrayLike<number>>;

/** The last rows (T, C) of one text, all of type 0. Norms come after attention and MLP; the activation is GELU. */
export function encoderForward(
  file: EncoderFile,
  tensors: EncoderTensors,
  ids: readonly number[],
): Float64Array {
  const { hidden_size: C, intermediate_size: F, num_attention_heads: heads, layer_norm_eps: epsilon } = file;
  const tensor = (name: string): ArrayLike<number> => tensors.get(name)!;
  const norm = (x: Float64Array, name: string): Float64Array =>
    normForward({ x, weight: tensor(`${name}.weight`), bias: tensor(`${name}.bias`), C, epsilon });
  const linear = (
    x: Float64Array,
    name: string,
    [K, N]: readonly [number, number],
    more: { residual?: Float64Array; activation?: Activation } = {},
  ): Float64Array =>
    linearForward({ x, weight: tensor(`${name}.weight`), bias: tensor(`${name}.bias`), N, K, ...more });

  const [words, places, types] = ["word", "position", "token_type"].map((kind) =>
    tensor(`embeddings.${kind}_embeddings.weight`),
  );
  let x: Float64Array = Float64Array.from({ length: ids.length * C }, (_, at) => {
    const [token, channel] = [Math.floor(at / C), at % C];
    return words![ids[token]! * C + channel]! + places![at]! + types![channel]!;
  });
  x = norm(x, "embeddings.LayerNorm");
  for (let layer = 0; layer < file.num_hidden_layers; layer++) {
    const own = `encoder.layer.${layer}`;
    const [q, k, v] = ["query", "key", "value"].map((role) =>
      linear(x, `${own}.attention.self.${role}`, [C, C]),
    );
    const mixed = attentionForward({ q: q!, k: k!, v: v!, heads, D: C / heads, causal: false });
    const attended = linear(mixed, `${own}.attention.output.dense`, [C, C], { residual: x });
    x = norm(attended, `${own}.attention.output.LayerNorm`);
    const up = linear(x, `${own}.intermediate.dense`, [C, F], { activation: "gelu-erf" });
    x = norm(linear(up, `${own}.output.dense`, [F, C], { residual: x }), `${own}.output.LayerNorm`);
  }
  return x;
}
