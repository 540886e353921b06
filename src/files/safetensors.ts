// The safetensors format: 8 bytes of header length, a JSON header, then the tensors' bytes without gap or overlap.
// Specification: https://github.com/huggingface/safetensors#format. Reading is strict: what the specification forbids
// is an error here, so that a damaged file never becomes a silently wrong model.
import { FormatError } from "../errors.js";
import { isRecord, showJson } from "../util/json-value.js";

/** A tensor and its bytes: little-endian, row-major. */
export interface StoredTensor {
  readonly name: string;
  /** A number format of safetensors: "F32", "F16", "BF16", "I64" and so on. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A tensor as a file's header describes it. */
export interface TensorEntry {
  /** One of the format's number formats, also those weft does not compute from. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** First byte and the byte after the last one, counted from the header's end. */
  readonly begin: number;
  readonly end: number;
}

/** What a file holds. `tensors` is in the order of the bytes. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the header ends and the tensors' bytes begin. */
  readonly dataOffset: number;
  /** Size of the whole file in bytes. */
  readonly fileBytes: number;
}

const maximumHeaderBytes = 100_000_000;

// prettier-ignore
const bitsByDtype: Readonly<Record<string, number>> = {
  F64: 64, I64: 64, U64: 64, C64: 64, F32: 32, I32: 32, U32: 32, F16: 16, BF16: 16, I16: 16, U16: 16,
  I8: 8, U8: 8, BOOL: 8, F8_E4M3: 8, F8_E5M2: 8, F8_E8M0: 8, F6_E2M3: 6, F6_E3M2: 6, F4: 4,
};

/** The bytes of a tensor. Undefined for an unknown dtype, an invalid shape, or a fraction of a byte. */
export function tensorBytes(dtype: string, shape: readonly unknown[]): number | undefined {
  let bits = Object.hasOwn(bitsByDtype, dtype) ? bitsByDtype[dtype]! : Number.NaN;
  for (const extent of shape) {
    if (typeof extent !== "number" || !Number.isSafeInteger(extent) || extent < 0) return undefined;
    bits *= extent;
  }
  return bits % 8 === 0 && Number.isSafeInteger(bits) ? bits / 8 : undefined;
}

/**
 * Where the header ends, from the first 8 bytes of a file.
 * @throws FormatError when that is beyond the file or beyond the format's limit of 100 MB.
 */
export function headerEnd(bytes: Uint8Array, fileName: string, fileBytes?: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8) {
    fail(fileName, 0, `truncated: expected 8 bytes of header length, received ${bytes.length}`);
  }
  const length = view.getBigUint64(0, true);
  if (length > BigInt(maximumHeaderBytes)) {
    fail(
      fileName,
      0,
      `expected a header of at most ${maximumHeaderBytes} bytes, received a length of ${length}`,
    );
  }
  const end = 8 + Number(length);
  if (fileBytes !== undefined && end > fileBytes) {
    fail(
      fileName,
      0,
      `expected a header within the file's ${fileBytes} bytes, received a length of ${length}`,
    );
  }
  return end;
}

/**
 * Reads the header of a file. `bytes` begins at the file's first byte and holds at least the whole header; `fileBytes`
 * is the file's size where it is known.
 * @throws FormatError when the header breaks the format or does not fit the file's size.
 */
export function parseHeader(bytes: Uint8Array, fileName: string, fileBytes?: number): SafetensorsHeader {
  const dataOffset = headerEnd(bytes, fileName, fileBytes);
  if (bytes.length < dataOffset) {
    fail(
      fileName,
      bytes.length,
      `truncated: expected ${dataOffset} bytes of header, received ${bytes.length}`,
    );
  }
  const header = parseJsonObject(bytes.subarray(8, dataOffset), fileName);
  const tensors: [string, TensorEntry][] = [];
  let metadata: Readonly<Record<string, string>> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") metadata = parseMetadata(value, fileName);
    else tensors.push([name, parseEntry(name, value, fileName)]);
  }
  tensors.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  const dataBytes = checkContiguous(tensors, dataOffset, fileName);
  if (fileBytes !== undefined && fileBytes !== dataOffset + dataBytes) {
    const kind = fileBytes < dataOffset + dataBytes ? "truncated" : "bytes after the last tensor";
    const sizes = `expected a file of ${dataOffset + dataBytes} bytes, received ${fileBytes}`;
    fail(fileName, Math.min(fileBytes, dataOffset + dataBytes), `${kind}: ${sizes}`);
  }
  return { tensors: new Map(tensors), metadata, dataOffset, fileBytes: dataOffset + dataBytes };
}

/** Throws because the file `fileName` is damaged. */
export function fail(fileName: string, byteOffset: number, problem: string, cause?: unknown): never {
  throw new FormatError({
    file: fileName,
    byteOffset,
    problem,
    remedy: "The file is no safetensors file or was damaged on its way: download or copy it again.",
    cause,
  });
}

function parseJsonObject(bytes: Uint8Array, fileName: string): Readonly<Record<string, unknown>> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    fail(fileName, 8, "expected a header in JSON, received text that is not", cause);
  }
  // The specification wants "{" as its first byte: no space before it.
  if (!isRecord(header) || bytes[0] !== 0x7b) {
    fail(fileName, 8, `expected a JSON object as header, received ${showJson(header)}`);
  }
  return header;
}

function parseMetadata(value: unknown, fileName: string): Readonly<Record<string, string>> {
  if (isRecord(value) && Object.values(value).every((text) => typeof text === "string"))
    return value as Readonly<Record<string, string>>;
  return fail(fileName, 8, `__metadata__: expected an object of strings, received ${showJson(value)}`);
}

function parseEntry(name: string, value: unknown, fileName: string): TensorEntry {
  const where = `tensor ${JSON.stringify(name)}`;
  if (!isRecord(value)) fail(fileName, 8, `${where}: expected an object, received ${showJson(value)}`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !Object.hasOwn(bitsByDtype, dtype)) {
    const known = Object.keys(bitsByDtype).join(", ");
    fail(fileName, 8, `${where}: expected a dtype of ${known}, received ${showJson(dtype)}`);
  }
  if (!isIndexList(shape)) {
    fail(fileName, 8, `${where}: expected a shape of whole numbers, received ${showJson(shape)}`);
  }
  const [begin, end] = isIndexList(offsets) && offsets.length === 2 ? offsets : [];
  if (begin === undefined || end === undefined || begin > end) {
    fail(fileName, 8, `${where}: expected data_offsets [begin, end], received ${showJson(offsets)}`);
  }
  const bytes = tensorBytes(dtype, shape);
  if (bytes !== end - begin) {
    const expected = `${bytes ?? "a whole number of"} bytes for ${dtype} [${shape.join(", ")}]`;
    fail(fileName, 8, `${where}: expected ${expected}, received ${end - begin}`);
  }
  return { dtype, shape, begin, end };
}

function isIndexList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** The number of bytes that tensors, sorted by offset, cover from 0 on. @throws FormatError at a gap or an overlap. */
function checkContiguous(
  tensors: readonly (readonly [string, TensorEntry])[],
  dataOffset: number,
  fileName: string,
): number {
  let covered = 0;
  for (const [name, { begin, end }] of tensors) {
    if (begin !== covered) {
      const kind = begin < covered ? "overlaps the tensor before it" : "leaves a hole before it";
      const offsets = `expected data_offsets from ${covered}, received [${begin}, ${end}]`;
      fail(fileName, dataOffset + begin, `tensor ${JSON.stringify(name)} ${kind}: ${offsets}`);
    }
    covered = end;
  }
  return covered;
}
