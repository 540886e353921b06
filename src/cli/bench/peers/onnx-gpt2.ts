// Builds GPT-2 as an ONNX graph of plain operators, for padded batches, with the head on the last row of each sentence.
import type { SyntheticModel } from "./synthetic-model.js";
import { OnnxType, writeOnnx, type Attribute, type OnnxNode, type OnnxTensor } from "./onnx-writer.js";

/** The operator set in which Gelu and LayerNormalization are single operators. */
const OPSET = 20;

/** Inputs: ids (B, T), positions (T), mask (T, T), lastRows (B). Output: logits (B, V). */
export function makeOnnxGpt2({ config, tensors }: SyntheticModel): Uint8Array<ArrayBuffer> {
  const { n_layer: layers, n_head: heads, n_embd: C } = config;
  const nodes: OnnxNode[] = [];
  const weights: OnnxTensor[] = [...tensors].map(([name, { shape, values }]) => ({ name, shape, values }));
  const add = (
    op: string,
    inputs: readonly string[],
    output: string,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string => {
    nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  };
  const constant = (name: string, values: readonly number[]): string => {
    weights.push({ name, shape: [values.length], values: BigInt64Array.from(values, BigInt) });
    return name;
  };
  const linear = (input: string, name: string, output: string): string =>
    add("Add", [add("MatMul", [input, `${name}.weight`], `${output}.product`), `${name}.bias`], output);
  const norm = (input: string, name: string): string =>
    add("LayerNormalization", [input, `${name}.weight`, `${name}.bias`], `${name}.out`, {
      axis: -1,
      epsilon: { float: config.layer_norm_epsilon },
    });

  // 0 keeps an extent; −1 is computed from the others.
  const toHeads = constant("shape.heads", [0, 0, heads, C / heads]);
  const toRows = constant("shape.rows", [0, 0, C]);
  const toFlat = constant("shape.flat", [-1, C]);
  weights.push({ name: "scale", shape: [1], values: Float32Array.of(1 / Math.sqrt(C / heads)) });

  const tokens = add("Gather", ["wte.weight", "ids"], "tokens");
  let residual = add("Add", [tokens, add("Gather", ["wpe.weight", "positions"], "places")], "embedded");
  for (let layer = 0; layer < layers; layer++) {
    const h = `h.${layer}`;
    const all = linear(norm(residual, `${h}.ln_1`), `${h}.attn.c_attn`, `${h}.qkv`);
    const parts = ["q", "k", "v"].map((part) => `${h}.${part}`);
    nodes.push({ op: "Split", inputs: [all], outputs: parts, attributes: { axis: -1, num_outputs: 3 } });
    const perHead = (part: string, order: readonly number[]): string =>
      add("Transpose", [add("Reshape", [part, toHeads], `${part}.heads`)], `${part}.turned`, { perm: order });
    const q = perHead(parts[0]!, [0, 2, 1, 3]);
    const k = perHead(parts[1]!, [0, 2, 3, 1]);
    const v = perHead(parts[2]!, [0, 2, 1, 3]);
    const scores = add("Mul", [add("MatMul", [q, k], `${h}.products`), "scale"], `${h}.scores`);
    const masked = add("Add", [scores, "mask"], `${h}.masked`);
    const shares = add("Softmax", [masked], `${h}.shares`, { axis: -1 });
    const mixed = add("Transpose", [add("MatMul", [shares, v], `${h}.mixed`)], `${h}.mixed.turned`, {
      perm: [0, 2, 1, 3],
    });
    const attention = linear(
      add("Reshape", [mixed, toRows], `${h}.mixed.rows`),
      `${h}.attn.c_proj`,
      `${h}.attention`,
    );
    residual = add("Add", [residual, attention], `${h}.middle`);
    const up = linear(norm(residual, `${h}.ln_2`), `${h}.mlp.c_fc`, `${h}.up`);
    const active = add("Gelu", [up], `${h}.active`, { approximate: "tanh" });
    residual = add("Add", [residual, linear(active, `${h}.mlp.c_proj`, `${h}.down`)], `${h}.end`);
  }
  const last = add("Gather", [add("Reshape", [residual, toFlat], "flat"), "lastRows"], "last", { axis: 0 });
  const turned = transpose(tensors.get("wte.weight")!);
  weights.push({ name: "head.weight", ...turned });
  add("MatMul", [norm(last, "ln_f"), "head.weight"], "logits");

  return writeOnnx({
    nodes,
    weights,
    inputs: [
      { name: "ids", type: OnnxType.int64, shape: ["B", "T"] },
      { name: "positions", type: OnnxType.int64, shape: ["T"] },
      { name: "mask", type: OnnxType.float, shape: ["T", "T"] },
      { name: "lastRows", type: OnnxType.int64, shape: ["B"] },
    ],
    outputs: [{ name: "logits", type: OnnxType.float, shape: ["B", turned.shape[1]!] }],
    opset: OPSET,
  });
}

/** Turns (V, C) into (C, V), so that no runtime does it in every call. */
export function transpose({
  shape,
  values,
}: {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}): {
  readonly shape: readonly number[];
  readonly values: Float32Array;
} {
  const [rows, columns] = shape as [number, number];
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      turned[column * rows + row] = values[row * columns + column]!;
  return { shape: [columns, rows], values: turned };
}
