// Builds BERT as an ONNX graph of plain operators, for padded batches, with the inputs and the output that other software expects.
import type { MadeEncoder } from "../made-up/encoder.js";
import { transpose } from "./onnx-gpt2.js";
import {
  OnnxType,
  writeOnnx,
  type Attribute,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
} from "./onnx-writer.js";

/** The operator set in which Gelu and LayerNormalization are single operators. */
const OPSET = 20;

/** Far below all scores. */
const MASKED = -1e9;

/** Inputs: input_ids, attention_mask, token_type_ids (B, T). Output: last_hidden_state (B, T, C). */
export function makeOnnxBert({ config, tensors }: MadeEncoder): Uint8Array<ArrayBuffer> {
  const { num_hidden_layers: layers, num_attention_heads: heads, hidden_size: C } = config;
  const nodes: OnnxNode[] = [];
  const weights: OnnxTensor[] = [];
  const add = (
    op: string,
    inputs: readonly string[],
    output: string,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string => {
    nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  };
  const whole = (name: string, values: readonly number[], shape = [values.length]): string => {
    weights.push({ name, shape, values: BigInt64Array.from(values, BigInt) });
    return name;
  };
  const real = (name: string, value: number): string => {
    weights.push({ name, shape: [1], values: Float32Array.of(value) });
    return name;
  };
  const weight = (name: string): string => {
    weights.push({ name, ...tensors.get(name)! });
    return name;
  };
  const linear = (input: string, name: string, output: string): string => {
    // Files have (outputs, inputs).
    weights.push({ name: `${name}.turned`, ...transpose(tensors.get(`${name}.weight`)!) });
    return add(
      "Add",
      [add("MatMul", [input, `${name}.turned`], `${output}.product`), weight(`${name}.bias`)],
      output,
    );
  };
  const norm = (input: string, name: string): string =>
    add("LayerNormalization", [input, weight(`${name}.weight`), weight(`${name}.bias`)], `${name}.out`, {
      axis: -1,
      epsilon: { float: config.layer_norm_eps },
    });
  const sum = (a: string, b: string, output: string): string => add("Add", [a, b], output);

  // 0 keeps an extent.
  const toHeads = whole("shape.heads", [0, 0, heads, C / heads]);
  const toRows = whole("shape.rows", [0, 0, C]);
  const scale = real("scale", 1 / Math.sqrt(C / heads));
  const extents = add("Shape", ["input_ids"], "extents");
  const length = add("Gather", [extents, whole("one.index", [1], [])], "length");
  const [first, step] = [whole("zero", [0], []), whole("one", [1], [])];
  const positions = add("Range", [first, length, step], "positions");
  const seen = add("Cast", ["attention_mask"], "seen", { to: OnnxType.float });
  const hidden = add("Mul", [add("Sub", [real("all", 1), seen], "unseen"), real("far", MASKED)], "hidden");
  const mask = add("Unsqueeze", [hidden, whole("mask.axes", [1, 2])], "mask");

  const table = (kind: string, ids: string): string =>
    add("Gather", [weight(`embeddings.${kind}_embeddings.weight`), ids], `${kind}.rows`);
  const words = sum(table("word", "input_ids"), table("token_type", "token_type_ids"), "typed");
  let x = norm(sum(words, table("position", positions), "embedded"), "embeddings.LayerNorm");
  for (let layer = 0; layer < layers; layer++) {
    const own = `encoder.layer.${layer}`;
    const perHead = (role: string, order: readonly number[]): string => {
      const part = linear(x, `${own}.attention.self.${role}`, `${own}.${role}`);
      return add("Transpose", [add("Reshape", [part, toHeads], `${part}.heads`)], `${part}.parted`, {
        perm: order,
      });
    };
    const products = add(
      "MatMul",
      [perHead("query", [0, 2, 1, 3]), perHead("key", [0, 2, 3, 1])],
      `${own}.products`,
    );
    const scores = sum(add("Mul", [products, scale], `${own}.scaled`), mask, `${own}.scores`);
    const shares = add("Softmax", [scores], `${own}.shares`, { axis: -1 });
    const mixed = add("MatMul", [shares, perHead("value", [0, 2, 1, 3])], `${own}.mixed`);
    const joined = add("Transpose", [mixed], `${own}.joined`, { perm: [0, 2, 1, 3] });
    const rows = add("Reshape", [joined, toRows], `${own}.rows`);
    const attended = linear(rows, `${own}.attention.output.dense`, `${own}.attended`);
    x = norm(sum(attended, x, `${own}.middle`), `${own}.attention.output.LayerNorm`);
    const up = add("Gelu", [linear(x, `${own}.intermediate.dense`, `${own}.up`)], `${own}.active`);
    const down = linear(up, `${own}.output.dense`, `${own}.down`);
    x = norm(sum(down, x, `${own}.end`), `${own}.output.LayerNorm`);
  }
  add("Identity", [x], "last_hidden_state");

  return writeOnnx({
    nodes,
    weights,
    inputs: ["input_ids", "attention_mask", "token_type_ids"].map(ids),
    outputs: [{ name: "last_hidden_state", type: OnnxType.float, shape: ["B", "T", C] }],
    opset: OPSET,
  });
}

const ids = (name: string): OnnxValue => ({ name, type: OnnxType.int64, shape: ["B", "T"] });
