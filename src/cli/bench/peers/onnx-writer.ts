// Writes as much of the ONNX file format as another runtime needs: https://onnx.ai/onnx/repo-docs/IR.html. A message is a list
// of fields: a key (number·8 + wire type), then a varint, or a length and as many bytes.

type Field = readonly [number: number, value: number | string | Uint8Array];

export const OnnxType = { float: 1, int64: 7 } as const;

export type Attribute = number | readonly number[] | string | { readonly float: number };

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** The domain of operators that are not ONNX's own. */
  readonly domain?: string;
}

export interface OnnxValue {
  readonly name: string;
  readonly type: number;
  /** Numbers, or names of extents that are known only at run time. */
  readonly shape: readonly (number | string)[];
}

export interface OnnxTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array | BigInt64Array;
}

/** Writes a model of one graph. */
export function writeOnnx(graph: {
  readonly nodes: readonly OnnxNode[];
  readonly weights: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly opset: number;
}): Uint8Array<ArrayBuffer> {
  const body = message([
    ...graph.nodes.map((node): Field => [1, writeNode(node)]),
    [2, "gpt2"],
    ...graph.weights.map((tensor): Field => [5, writeTensor(tensor)]),
    ...graph.inputs.map((value): Field => [11, writeValue(value)]),
    ...graph.outputs.map((value): Field => [12, writeValue(value)]),
  ]);
  const opset = message([
    [1, ""],
    [2, graph.opset],
  ]);
  return message([
    [1, 10], // version of the format
    [7, body],
    [8, opset],
  ]);
}

function writeNode({ op, inputs, outputs, attributes = {}, domain }: OnnxNode): Uint8Array {
  return message([
    ...inputs.map((name): Field => [1, name]),
    ...outputs.map((name): Field => [2, name]),
    [4, op],
    ...Object.entries(attributes).map(([name, value]): Field => [5, writeAttribute(name, value)]),
    ...(domain === undefined ? [] : [[7, domain] as const]),
  ]);
}

function writeAttribute(name: string, value: Attribute): Uint8Array {
  if (typeof value === "number")
    return message([
      [1, name],
      [3, value],
      [20, 2],
    ]);
  if (typeof value === "string")
    return message([
      [1, name],
      [4, value],
      [20, 3],
    ]);
  if ("float" in value) {
    const bytes = new Uint8Array(Float32Array.of(value.float).buffer);
    // The only field of four bytes, which has its own wire type.
    return join([message([[1, name]]), Uint8Array.of((2 << 3) | 5), bytes, message([[20, 1]])]);
  }
  return message([[1, name], ...value.map((one): Field => [8, one]), [20, 7]]);
}

function writeTensor({ name, shape, values }: OnnxTensor): Uint8Array {
  const type = values instanceof Float32Array ? OnnxType.float : OnnxType.int64;
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return message([...shape.map((extent): Field => [1, extent]), [2, type], [8, name], [9, bytes]]);
}

function writeValue({ name, type, shape }: OnnxValue): Uint8Array {
  const extents = shape.map((extent): Field => [
    1,
    message([typeof extent === "number" ? [1, extent] : [2, extent]]),
  ]);
  const tensor = message([
    [1, type],
    [2, message(extents)],
  ]);
  return message([
    [1, name],
    [2, message([[1, tensor]])],
  ]);
}

function message(fields: readonly Field[]): Uint8Array<ArrayBuffer> {
  return join(
    fields.flatMap(([number, value]) => {
      if (typeof value === "number") return [varint(number << 3), varint(value)];
      const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
      return [varint((number << 3) | 2), varint(bytes.length), bytes];
    }),
  );
}

/** Seven bits per byte, the lowest first. Negative numbers are written as 64 bits in two's complement. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
