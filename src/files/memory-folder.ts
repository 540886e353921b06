// A model folder whose files are values that the caller already has.
import type { ModelFolder, OpenFile } from "./model-folder.js";
import { openStream } from "./open-stream.js";
import { throwIfAborted } from "../util/signal.js";

/** A file's content: bytes, or a value that the file would hold as JSON. */
export type FileContent = Uint8Array | ArrayBuffer | Blob | object;

/** A folder of files in memory, by name. Nothing is copied. */
export class MemoryFolder implements ModelFolder {
  readonly location: string = "(memory)";
  readonly #files: ReadonlyMap<string, FileContent>;

  constructor(files: ReadonlyMap<string, FileContent>) {
    this.#files = files;
  }

  async open(name: string, signal?: AbortSignal, from: number = 0): Promise<OpenFile | undefined> {
    throwIfAborted(signal, `Reading ${name}`);
    const content = this.#files.get(name);
    if (content === undefined) return undefined;
    if (content instanceof Blob) {
      const rest = from === 0 ? content : content.slice(from);
      return openStream(rest.stream(), name, rest.size, signal);
    }
    return openBytes(toBytes(content).subarray(from));
  }
}

function toBytes(content: Exclude<FileContent, Blob>): Uint8Array {
  if (content instanceof Uint8Array) return content;
  if (content instanceof ArrayBuffer) return new Uint8Array(content);
  return new TextEncoder().encode(JSON.stringify(content));
}

function openBytes(bytes: Uint8Array): OpenFile {
  let rest: Uint8Array | undefined = bytes.length > 0 ? bytes : undefined;
  return {
    sizeBytes: bytes.length,
    async read() {
      const chunk = rest;
      rest = undefined;
      return chunk;
    },
    async close() {
      rest = undefined;
    },
  };
}
