// Reads the numbers and texts of a GGUF header one after the other. Every length is held against what is left of the file
// before anything is allocated by it.
import { FormatError } from "../../errors.js";

/** No header is as large: a longer one is a mistake, which would cost memory. */
const MOST_HEADER_BYTES = 2 ** 29;

/** Thrown when the header goes on beyond the bytes that have arrived: `bytes` are needed at least, from the file's first on. */
export class MoreBytesNeeded {
  readonly bytes: number;
  constructor(bytes: number) {
    this.bytes = bytes;
  }
}

export class Cursor {
  position = 0;
  readonly #fileName: string;
  readonly #fileBytes: number | undefined;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** `fileBytes` is the size of the file, where it is known. */
  constructor(fileName: string, fileBytes: number | undefined) {
    this.#fileName = fileName;
    this.#fileBytes = fileBytes;
  }

  /** What has arrived, from the file's first byte on. */
  set bytes(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  uint8(what: string): number {
    return this.#view.getUint8(this.#advance(1, what));
  }
  int8(what: string): number {
    return this.#view.getInt8(this.#advance(1, what));
  }
  uint16(what: string): number {
    return this.#view.getUint16(this.#advance(2, what), true);
  }
  int16(what: string): number {
    return this.#view.getInt16(this.#advance(2, what), true);
  }
  uint32(what: string): number {
    return this.#view.getUint32(this.#advance(4, what), true);
  }
  int32(what: string): number {
    return this.#view.getInt32(this.#advance(4, what), true);
  }
  float32(what: string): number {
    return this.#view.getFloat32(this.#advance(4, what), true);
  }
  float64(what: string): number {
    return this.#view.getFloat64(this.#advance(8, what), true);
  }
  uint64(what: string): bigint {
    return this.#view.getBigUint64(this.#advance(8, what), true);
  }
  int64(what: string): bigint {
    return this.#view.getBigInt64(this.#advance(8, what), true);
  }

  /** A number of items that take `leastBytes` each at least. */
  count(what: string, leastBytes: number): number {
    const begin = this.position;
    const count = this.uint64(what);
    const left = (this.#fileBytes ?? MOST_HEADER_BYTES) - this.position;
    if (count * BigInt(leastBytes) <= BigInt(left)) return Number(count);
    const room = this.#fileBytes === undefined ? "a header's most" : "the file's";
    return this.fail(
      begin,
      `${what}: expected a number that fits into ${room} ${left} bytes, received ${count}`,
    );
  }

  /** UTF-8 text. Bytes that are none become U+FFFD, so that a vocabulary keeps its places. */
  text(what: string, mostBytes: number = Infinity): string {
    const begin = this.position;
    const length = this.count(`the length of ${what}`, 1);
    if (length > mostBytes)
      this.fail(begin, `${what}: expected at most ${mostBytes} bytes, received ${length}`);
    const at = this.#advance(length, what);
    return this.#decoder.decode(this.#bytes.subarray(at, at + length));
  }

  /** The next `length` bytes, copied. */
  copy(length: number, what: string): Uint8Array<ArrayBuffer> {
    const at = this.#advance(length, what);
    return this.#bytes.slice(at, at + length);
  }

  fail(byteOffset: number, problem: string, remedy?: string): never {
    throw new FormatError({
      file: this.#fileName,
      byteOffset,
      problem,
      remedy: remedy ?? "The file is no GGUF file or was damaged on its way: download or copy it again.",
    });
  }

  #advance(length: number, what: string): number {
    const begin = this.position;
    const end = begin + length;
    if (end > this.#bytes.length) {
      if (this.#fileBytes !== undefined && end > this.#fileBytes)
        this.fail(
          begin,
          `truncated: expected ${length} bytes of ${what}, received ${this.#fileBytes - begin}`,
        );
      if (end > MOST_HEADER_BYTES)
        this.fail(
          begin,
          `expected a header of at most ${MOST_HEADER_BYTES} bytes, received ${what} beyond it`,
        );
      throw new MoreBytesNeeded(end);
    }
    this.position = end;
    return begin;
  }
}
