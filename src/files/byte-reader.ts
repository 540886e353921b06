// Reads as many bytes as are asked for from a file that arrives in chunks of any size.
import type { OpenFile } from "./model-folder.js";
import { fail } from "./safetensors.js";

/** Reads `file` forward. Holds one chunk at most. */
export class ByteReader {
  readonly #file: OpenFile;
  readonly #fileName: string;
  readonly #onBytes: (loadedBytes: number) => void;
  #chunk: Uint8Array = new Uint8Array(0);
  #position = 0;
  #loadedBytes = 0;

  /** `onBytes` is called for every chunk with the number of bytes that have arrived. */
  constructor(file: OpenFile, fileName: string, onBytes: (loadedBytes: number) => void) {
    this.#file = file;
    this.#fileName = fileName;
    this.#onBytes = onBytes;
  }

  /** Fills `target` with the next bytes. `what` names them for messages. @throws FormatError when the file ends too early. */
  async readInto(target: Uint8Array, what: string): Promise<void> {
    let filled = 0;
    while (filled < target.length) {
      if (this.#chunk.length === 0 && !(await this.#readChunk())) {
        const missing = `${target.length - filled} of the ${target.length} bytes of ${what} are missing`;
        fail(this.#fileName, this.#position, `truncated: ${missing}`);
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
    fail(
      this.#fileName,
      this.#position,
      "expected the file's end after its last tensor, received more bytes",
    );
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
