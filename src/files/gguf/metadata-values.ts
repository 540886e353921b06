// The values of a GGUF file's keys: numbers of all sizes, texts, and arrays of them.
import type { Cursor } from "./cursor.js";

/** In the order of the numbers that files hold. */
const typeNames = [
  "uint8",
  "int8",
  "uint16",
  "int16",
  "uint32",
  "int32",
  "float32",
  "bool",
  "string",
  "array",
  "uint64",
  "int64",
  "float64",
] as const;

export type ValueType = (typeof typeNames)[number];

/** One value. 64-bit integers are BigInts, as a number would not hold all of them. */
export type ScalarValue = number | bigint | boolean | string;

/** Elements of an array that are of one type; arrays hold arrays with types of their own. */
export interface ArrayValue {
  readonly type: "array";
  readonly of: ValueType;
  readonly values: readonly ScalarValue[] | readonly ArrayValue[] | NumberArray;
}

export type NumberArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

export type MetadataValue =
  { readonly type: Exclude<ValueType, "array">; readonly value: ScalarValue } | ArrayValue;

/** Arrays in arrays: more is a mistake, and would end the stack. */
const MOST_DEPTH = 8;

const leastBytes: Readonly<Record<ValueType, number>> = {
  uint8: 1,
  int8: 1,
  bool: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  uint64: 8,
  int64: 8,
  float64: 8,
  // A length of 8 bytes at least; of arrays also their type.
  string: 8,
  array: 12,
};

/** All platforms with WebGPU are little-endian, as the files are. */
const numberArrays: Partial<Record<ValueType, (bytes: ArrayBuffer) => NumberArray>> = {
  uint8: (bytes) => new Uint8Array(bytes),
  int8: (bytes) => new Int8Array(bytes),
  uint16: (bytes) => new Uint16Array(bytes),
  int16: (bytes) => new Int16Array(bytes),
  uint32: (bytes) => new Uint32Array(bytes),
  int32: (bytes) => new Int32Array(bytes),
  float32: (bytes) => new Float32Array(bytes),
  float64: (bytes) => new Float64Array(bytes),
  uint64: (bytes) => new BigUint64Array(bytes),
  int64: (bytes) => new BigInt64Array(bytes),
};

/** The type and the value that follow a key. `what` names the key for messages. */
export function readValue(cursor: Cursor, what: string): MetadataValue {
  const type = readType(cursor, what);
  return type === "array" ? readArray(cursor, what, 1) : { type, value: readScalar(cursor, type, what) };
}

function readType(cursor: Cursor, what: string): ValueType {
  const begin = cursor.position;
  const number = cursor.uint32(`the type of ${what}`);
  return (
    typeNames[number] ??
    cursor.fail(
      begin,
      `${what}: expected a value's type from 0 to ${typeNames.length - 1}, received ${number}`,
    )
  );
}

function readArray(cursor: Cursor, what: string, depth: number): ArrayValue {
  const begin = cursor.position;
  if (depth > MOST_DEPTH) cursor.fail(begin, `${what}: expected arrays nested at most ${MOST_DEPTH} deep`);
  const of = readType(cursor, what);
  const count = cursor.count(`the number of elements of ${what}`, leastBytes[of]);
  const view = numberArrays[of];
  if (view) return { type: "array", of, values: view(cursor.copy(count * leastBytes[of], what).buffer) };
  if (of === "array") {
    const values: ArrayValue[] = [];
    for (let index = 0; index < count; index++) values.push(readArray(cursor, what, depth + 1));
    return { type: "array", of, values };
  }
  const values: ScalarValue[] = [];
  for (let index = 0; index < count; index++) values.push(readScalar(cursor, of, what));
  return { type: "array", of, values };
}

function readScalar(cursor: Cursor, type: Exclude<ValueType, "array">, what: string): ScalarValue {
  switch (type) {
    case "bool": {
      const begin = cursor.position;
      const byte = cursor.uint8(what);
      if (byte > 1) cursor.fail(begin, `${what}: expected 0 or 1, received ${byte}`);
      return byte === 1;
    }
    case "string":
      return cursor.text(what);
    case "uint8":
    case "int8":
    case "uint16":
    case "int16":
    case "uint32":
    case "int32":
    case "float32":
    case "uint64":
    case "int64":
    case "float64":
      return cursor[type](what);
    default:
      return type satisfies never;
  }
}
