// Vectors on their way into a file: they are kept beside it as they come, so that a run that was interrupted goes on where it was.
import { appendFile, open, rm, truncate, writeFile, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { createHash } from "node:crypto";

/** What begins the file, in its first line. */
interface Header {
  /** Of what is embedded, and how. */
  readonly key: string;
  readonly dimensions: number;
}

/** Tells apart runs whose vectors differ. */
export const keyOf = (run: object): string => createHash("sha256").update(JSON.stringify(run)).digest("hex");

export class PartialVectors {
  readonly #path: string;
  readonly #key: string;
  #dimensions: number | undefined;
  #headerBytes = 0;
  #rowBytes = 0;

  private constructor(path: string, key: string) {
    this.#path = path;
    this.#key = key;
  }

  /** What an earlier run of the same key left beside the file `output`, or nothing. */
  static async open(output: string, key: string): Promise<PartialVectors> {
    const partial = new PartialVectors(join(dirname(output), `.${basename(output)}.partial`), key);
    const header = await readHeader(partial.#path);
    if (header?.key === key) {
      partial.#begin(header);
      // The last row may have been written in part.
      const { size } = await stat(partial.#path);
      const rows = Math.floor((size - partial.#headerBytes) / (4 * header.dimensions));
      partial.#rowBytes = rows * 4 * header.dimensions;
      await truncate(partial.#path, partial.#headerBytes + partial.#rowBytes);
    }
    return partial;
  }

  /** Undefined before the first vector. */
  get dimensions(): number | undefined {
    return this.#dimensions;
  }

  get count(): number {
    return this.#dimensions === undefined ? 0 : this.#rowBytes / (4 * this.#dimensions);
  }

  /** Says how long the vectors are, before the first of them. */
  async begin(dimensions: number): Promise<void> {
    if (this.#dimensions !== undefined) return;
    this.#begin({ key: this.#key, dimensions });
    await writeFile(this.#path, headerLine({ key: this.#key, dimensions }));
  }

  /** Adds bytes of float32 numbers. */
  async add(bytes: Uint8Array): Promise<void> {
    await appendFile(this.#path, bytes);
    this.#rowBytes += bytes.length;
  }

  /** Yields the vectors, at most `rows` of them at a time. */
  async *read(rows: number): AsyncGenerator<Float32Array, void, undefined> {
    const file = await open(this.#path);
    try {
      const blockBytes = rows * 4 * this.#dimensions!;
      for (let at = 0; at < this.#rowBytes; at += blockBytes)
        yield await readFloats(file, this.#headerBytes + at, Math.min(blockBytes, this.#rowBytes - at));
    } finally {
      await file.close();
    }
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }

  #begin(header: Header): void {
    this.#dimensions = header.dimensions;
    this.#headerBytes = Buffer.byteLength(headerLine(header));
  }
}

const headerLine = ({ key, dimensions }: Header): string => `${JSON.stringify({ key, dimensions })}\n`;

async function stat(path: string): Promise<{ readonly size: number }> {
  const file = await open(path);
  try {
    return await file.stat();
  } finally {
    await file.close();
  }
}

/** The header of a file, or undefined if there is none that can be read. */
async function readHeader(path: string): Promise<Header | undefined> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(256), 0, 256, 0);
      const text = buffer.subarray(0, bytesRead).toString();
      const { key, dimensions } = JSON.parse(text.slice(0, text.indexOf("\n"))) as Partial<Header>;
      return typeof key === "string" && typeof dimensions === "number" ? { key, dimensions } : undefined;
    } finally {
      await file.close();
    }
  } catch {
    return undefined; // there is none, or what is there is no such file
  }
}

async function readFloats(file: FileHandle, at: number, sizeBytes: number): Promise<Float32Array> {
  const bytes = new Uint8Array(sizeBytes);
  for (let done = 0; done < sizeBytes;) {
    const { bytesRead } = await file.read(bytes, done, sizeBytes - done, at + done);
    if (bytesRead === 0) throw new Error("the vectors on the disk end early");
    done += bytesRead;
  }
  return new Float32Array(bytes.buffer);
}
