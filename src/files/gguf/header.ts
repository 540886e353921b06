// The header of a GGUF file: keys with values, then names, sizes and places of the tensors. Nothing of the tensors' bytes is read.
// Specification: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Reading is strict: sizes and offsets are held
// against the file before anything is allocated, so that a damaged file never becomes a silently wrong model.
import { Cursor, MoreBytesNeeded } from "./cursor.js";
import { readValue, type MetadataValue } from "./metadata-values.js";
import { removedTypes, tensorTypes, type TensorType } from "./tensor-types.js";

/** A tensor as a file's header describes it. */
export interface GgufTensor {
  readonly name: string;
  readonly type: TensorType;
  /** Rows of outputs, then inputs, as everywhere in weft: the reverse of the order in the file. */
  readonly shape: readonly number[];
  /** The first byte, counted from the file's first. */
  readonly begin: number;
  readonly end: number;
}

export interface GgufHeader {
  readonly version: number;
  readonly alignment: number;
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  /** In the order of their bytes. */
  readonly tensors: readonly GgufTensor[];
  /** Where the header ends and the tensors' bytes begin. */
  readonly dataBegin: number;
  /** The byte after the last tensor's last. Files may go on with padding. */
  readonly dataEnd: number;
}

const MOST_NAME_BYTES = 65535;
const MOST_DIMENSIONS = 4;
/** Name, number of dimensions, type and offset; key, type and value. */
const LEAST_TENSOR_BYTES = 24;
const LEAST_KEY_BYTES = 13;

interface TensorInfo {
  readonly name: string;
  readonly type: TensorType;
  readonly shape: readonly number[];
  readonly offset: bigint;
  readonly bytes: number;
  /** Where the entry stands in the header. */
  readonly at: number;
}

/** Reads a header while its bytes arrive: `parse` is called again with more of them until it returns the header. */
export class HeaderParser {
  readonly #cursor: Cursor;
  readonly #fileBytes: number | undefined;
  readonly #metadata = new Map<string, MetadataValue>();
  readonly #infos = new Map<string, TensorInfo>();
  #start: { readonly version: number; readonly tensors: number; readonly keys: number } | undefined;

  /** `fileBytes` is the size of the file, where it is known. */
  constructor(fileName: string, fileBytes: number | undefined) {
    this.#cursor = new Cursor(fileName, fileBytes);
    this.#fileBytes = fileBytes;
  }

  /**
   * `bytes` are all that have arrived, from the file's first byte on. Returns the header, or the number of bytes that it needs
   * at least. What has been read completely is not read again. @throws FormatError when the header breaks the format.
   */
  parse(bytes: Uint8Array): GgufHeader | number {
    const cursor = this.#cursor;
    cursor.bytes = bytes;
    // The end of what has been read completely.
    let complete = cursor.position;
    try {
      this.#start ??= readStart(cursor);
      complete = cursor.position;
      while (this.#metadata.size < this.#start.keys) {
        this.#readKey();
        complete = cursor.position;
      }
      while (this.#infos.size < this.#start.tensors) {
        this.#readInfo();
        complete = cursor.position;
      }
    } catch (error) {
      if (!(error instanceof MoreBytesNeeded)) throw error;
      cursor.position = complete;
      return error.bytes;
    }
    return this.#finish(this.#start.version);
  }

  #readKey(): void {
    const cursor = this.#cursor;
    const begin = cursor.position;
    const key = cursor.text("a key", MOST_NAME_BYTES);
    if (this.#metadata.has(key)) cursor.fail(begin, `expected each key once, received ${show(key)} twice`);
    this.#metadata.set(key, readValue(cursor, show(key)));
  }

  #readInfo(): void {
    const cursor = this.#cursor;
    const begin = cursor.position;
    const name = cursor.text("a tensor's name", MOST_NAME_BYTES);
    const what = `tensor ${show(name)}`;
    if (this.#infos.has(name)) cursor.fail(begin, `expected each tensor once, received ${what} twice`);
    const dimensions = cursor.uint32(what);
    if (dimensions > MOST_DIMENSIONS)
      cursor.fail(begin, `${what}: expected at most ${MOST_DIMENSIONS} dimensions, received ${dimensions}`);
    const extents = Array.from({ length: dimensions }, () => cursor.uint64(what));
    const type = readTensorType(cursor, what);
    const offset = cursor.uint64(what);
    const elements = extents.reduce((product, extent) => product * extent, 1n);
    if (elements > BigInt(Number.MAX_SAFE_INTEGER) || extents.some((extent) => extent > 2n ** 40n))
      cursor.fail(begin, `${what}: expected a size that can be, received ${extents.join(" × ")} numbers`);
    const row = extents[0] ?? 1n;
    if (row % BigInt(type.blockElements) !== 0n)
      cursor.fail(
        begin,
        `${what}: expected rows of a multiple of ${type.blockElements} numbers for ${type.name}, received ${row}`,
      );
    const bytes = (Number(elements) / type.blockElements) * type.blockBytes;
    this.#infos.set(name, { name, type, shape: extents.map(Number).toReversed(), offset, bytes, at: begin });
  }

  #finish(version: number): GgufHeader {
    const alignment = this.#alignment();
    const headerEnd = this.#cursor.position;
    const dataBegin = Math.ceil(headerEnd / alignment) * alignment;
    const tensors = [...this.#infos.values()].map((info) => this.#place(info, alignment, dataBegin));
    tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
    let covered = dataBegin;
    for (const { name, begin, end } of tensors) {
      if (begin < covered && end > begin)
        this.#cursor.fail(
          begin,
          `tensor ${show(name)} overlaps the tensor before it, which ends at ${covered}`,
        );
      covered = Math.max(covered, end);
    }
    const dataEnd = tensors.length === 0 ? headerEnd : covered;
    return { version, alignment, metadata: this.#metadata, tensors, dataBegin, dataEnd };
  }

  #alignment(): number {
    const found = this.#metadata.get("general.alignment");
    if (!found) return 32;
    const value = found.type === "uint32" ? Number(found.value) : undefined;
    if (value !== undefined && value > 0 && value % 8 === 0) return value;
    const received =
      value ?? (found.type === "array" ? "an array" : `${String(found.value)} as ${found.type}`);
    return this.#cursor.fail(
      0,
      `general.alignment: expected a multiple of 8 as uint32, received ${received}`,
    );
  }

  #place(
    { name, type, shape, offset, bytes, at }: TensorInfo,
    alignment: number,
    dataBegin: number,
  ): GgufTensor {
    if (offset % BigInt(alignment) !== 0n)
      this.#cursor.fail(
        at,
        `tensor ${show(name)}: expected an offset that is a multiple of ${alignment}, received ${offset}`,
      );
    const end = BigInt(dataBegin) + offset + BigInt(bytes);
    const most = this.#fileBytes ?? Number.MAX_SAFE_INTEGER;
    if (end > BigInt(most))
      this.#cursor.fail(
        at,
        `truncated: expected ${bytes} bytes of tensor ${show(name)} from offset ${offset} on, received a file that ends at ${most}`,
      );
    return { name, type, shape, begin: Number(end) - bytes, end: Number(end) };
  }
}

function readStart(cursor: Cursor): { version: number; tensors: number; keys: number } {
  checkMagic(cursor);
  const version = cursor.uint32("the version");
  if (version !== 2 && version !== 3) {
    const isSwapped = version !== 0 && (version & 0xffff) === 0;
    const received = isSwapped ? "a file for big-endian machines" : `version ${version}`;
    cursor.fail(4, `expected GGUF version 2 or 3, received ${received}`, "Convert the model again.");
  }
  const tensors = cursor.count("the number of tensors", LEAST_TENSOR_BYTES);
  const keys = cursor.count("the number of keys", LEAST_KEY_BYTES);
  return { version, tensors, keys };
}

function checkMagic(cursor: Cursor): void {
  const magic = String.fromCharCode(...cursor.copy(4, "GGUF's first bytes"));
  if (magic === "GGUF") return;
  const kinds: Readonly<Record<string, string>> = {
    "<!DO": "a web page: the address is not that of the file",
    "<htm": "a web page: the address is not that of the file",
    vers: "a pointer of Git LFS in place of the file: fetch it with git lfs pull",
    GGML: "a GGML file, older than GGUF: convert the model again",
    GGJT: "a GGML file, older than GGUF: convert the model again",
  };
  const kind = kinds[magic];
  cursor.fail(0, `expected a file that begins with "GGUF", received ${kind ?? show(magic)}`);
}

function readTensorType(cursor: Cursor, what: string): TensorType {
  const begin = cursor.position;
  const number = cursor.uint32(what);
  const type = tensorTypes.get(number);
  if (type) return type;
  const removed = removedTypes.get(number);
  const received =
    removed === undefined ? `type ${number}` : `type ${number}, ${removed}, which GGUF no longer has`;
  return cursor.fail(
    begin,
    `${what}: expected a number format of GGUF, received ${received}`,
    "Convert the model again, or choose a file in another format.",
  );
}

/** A name for messages, in quotes, cut to 60 characters. */
function show(name: string): string {
  return JSON.stringify(name.length > 60 ? `${name.slice(0, 57)}…` : name);
}
