// Writes files that arrive in pieces. A file is written under another name and renamed when it is complete, so its name always
// belongs to a complete file, the old one or the new one.
import { access, appendFile, constants, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";

/** The size of a piece: small enough for a message from the browser. */
export const PIECE_BYTES: number = 3 * 2 ** 20;

export class FileSink {
  readonly folder: string;
  /** Files whose first pieces have arrived. */
  readonly #begun = new Set<string>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes the folder, and fails if no files can be written there. */
  async prepare(): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await access(this.folder, constants.W_OK);
  }

  /** Adds the next piece of a file. Wait for each piece before adding the next. */
  async add(name: string, piece: Uint8Array, isLast: boolean): Promise<void> {
    if (basename(name) !== name) throw new Error(`a file name was expected, ${name} came`);
    const partial = join(this.folder, `.${name}.partial`);
    if (this.#begun.has(name)) await appendFile(partial, piece);
    else {
      await mkdir(this.folder, { recursive: true });
      // Before it is written: a disk that is full leaves a part of it.
      this.#begun.add(name);
      await writeFile(partial, piece);
    }
    if (!isLast) return;
    this.#begun.delete(name);
    await rename(partial, join(this.folder, name));
  }

  async write(name: string, content: string | Uint8Array): Promise<void> {
    await this.add(name, typeof content === "string" ? Buffer.from(content) : content, true);
  }

  /** Removes incomplete files. */
  async end(): Promise<void> {
    for (const name of this.#begun) await rm(join(this.folder, `.${name}.partial`), { force: true });
    this.#begun.clear();
  }
}
