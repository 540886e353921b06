// Files that arrive in pieces: each is written beside its place and takes it when it is whole, so that whoever looks
// finds an old file or a new one, never half of one.
import { appendFile, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";

/** Bytes that cross at once: small enough for a message to the browser. */
export const PIECE_BYTES: number = 3 * 2 ** 20;

export class FileSink {
  readonly folder: string;
  /** Files whose first pieces have arrived. */
  readonly #begun = new Set<string>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** The next piece of a file. Pieces of one file must not overlap in time. */
  async add(name: string, piece: Uint8Array, isLast: boolean): Promise<void> {
    if (basename(name) !== name) throw new Error(`a file name was expected, ${name} came`);
    const partial = join(this.folder, `.${name}.partial`);
    if (this.#begun.has(name)) await appendFile(partial, piece);
    else {
      await mkdir(this.folder, { recursive: true });
      await writeFile(partial, piece);
      this.#begun.add(name);
    }
    if (!isLast) return;
    this.#begun.delete(name);
    await rename(partial, join(this.folder, name));
  }

  async write(name: string, content: string | Uint8Array): Promise<void> {
    await this.add(name, typeof content === "string" ? Buffer.from(content) : content, true);
  }

  /** Removes what did not become whole. */
  async end(): Promise<void> {
    for (const name of this.#begun) await rm(join(this.folder, `.${name}.partial`), { force: true });
    this.#begun.clear();
  }
}
