// Reads as many bytes as are asked for from a file that arrives in chunks of any size.
import { FormatError } from "../errors.js";
import type { OpenFile } from "./model-folder.js";

/** Reads `file` forward. Holds one chunk at most. */
export class ByteReader {
  readonly #file: OpenFile;
  readonly #fileName: string;
  readonly #onBytes: (loadedBytes: number) => void;
  #chunk: Uint8Array = new Uint8Array(0);
  #position: number;
  #loadedBytes: number;

  /** `onBytes` is called for every chunk with the number of bytes that have arrived. `from` is the first byte's place. */
  constructor(file: OpenFile, fileName: string, onBytes: (loadedBytes: number) => void, from: number = 0) {
    this.#file = file;
    this.#fileName = fileName;
    this.#onBytes = onBytes;
    this.#position = from;
    this.#loadedBytes = from;
  }

  /** Where the next byte stands in the file. */
  get position(): number {
    return this.#position;
  }

  /** Passes over the bytes up to `position`. `what` names what is there for messages. */
  async skipTo(position: number, what: string): Promise<void> {
    while (this.#position < position) {
      if (this.#chunk.length === 0 && !(await this.#readChunk()))
        this.#fail(`truncated: ${what} begins at byte ${position}`);
      const length = Math.min(this.#chunk.length, position - this.#position);
      this.#chunk = this.#chunk.subarray(length);
      this.#position += length;
    }
  }

  /** Fills `target` with the next bytes. `what` names them for messages. @throws FormatError when the file ends too early. */
  async readInto(target: Uint8Array, what: string): Promise<void> {
    let filled = 0;
    while (filled < target.length) {
      if (this.#chunk.length === 0 && !(await this.#readChunk())) {
        const missing = `${target.length - filled} of the ${target.length} bytes of ${what} are missing`;
        this.#fail(`truncated: ${missing}`);
      }
      const part = this.#chunk.subarray(0, target.length - filled);
      target.set(part, filled);
      filled += part.length;
      this.#position += part.length;
      this.#chunk = this.#chunk.subarray(part.length);
    }
  }

  /** Checks that the file ends here. @throws FormatError when there is a byte left. */
  async expectEnd(): Promise<void> {
    if (this.#chunk.length === 0 && !(await this.#readChunk())) return;
    this.#fail("expected the file's end after its last tensor, received more bytes");
  }

  #fail(problem: string): never {
    throw new FormatError({
      file: this.#fileName,
      byteOffset: this.#position,
      problem,
      remedy: "The file was damaged on its way: download or copy it again.",
    });
  }

  async #readChunk(): Promise<boolean> {
    const chunk = await this.#file.read();
    if (!chunk) return false;
    this.#chunk = chunk;
    this.#loadedBytes += chunk.length;
    this.#onBytes(this.#loadedBytes);
    return true;
  }
}
