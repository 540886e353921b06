// A model folder in memory that delivers its files in chunks of a wanted size and counts what is open.
import type { ModelFolder, OpenFile } from "../../../src/files/model-folder.js";
import { throwIfAborted } from "../../../src/util/signal.js";

/** Files by name; the sizes are kept back, as a server without Content-Length does. */
export class ChunkedFolder implements ModelFolder {
  readonly location: string = "(chunks)";
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #chunkBytes: number;
  /** Files that are open now. */
  openFiles = 0;
  /** Names of the files that have been opened. */
  readonly opened: string[] = [];
  /** Bytes that have been read. */
  readBytes = 0;

  constructor(files: Record<string, Uint8Array | object>, chunkBytes: number) {
    this.#files = new Map(Object.entries(files).map(([name, content]) => [name, encode(content)]));
    this.#chunkBytes = chunkBytes;
  }

  async open(name: string, signal?: AbortSignal, from: number = 0): Promise<OpenFile | undefined> {
    throwIfAborted(signal, `Reading ${name}`);
    let rest = this.#files.get(name)?.subarray(from);
    if (!rest) return undefined;
    this.opened.push(name);
    this.openFiles++;
    let isOpen = true;
    return {
      sizeBytes: undefined,
      read: async () => {
        throwIfAborted(signal, `Reading ${name}`);
        const chunk = rest!.subarray(0, this.#chunkBytes);
        rest = rest!.subarray(chunk.length);
        this.readBytes += chunk.length;
        return chunk.length > 0 ? chunk : undefined;
      },
      close: async () => {
        if (isOpen) this.openFiles--;
        isOpen = false;
      },
    };
  }
}

function encode(content: Uint8Array | object): Uint8Array {
  return content instanceof Uint8Array ? content : new TextEncoder().encode(JSON.stringify(content));
}
