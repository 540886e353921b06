// A model folder on the disk, for Node only. Node's modules are reached through `process`, so that bundlers for browsers never
// see them.
import type { FileHandle } from "node:fs/promises";
import { FetchError } from "../errors.js";
import { throwIfAborted } from "../util/signal.js";
import type { ModelFolder, OpenFile } from "./model-folder.js";

const chunkBytes = 1 << 20;

/** Whether folders can be read from the disk: true in Node, false in a browser. */
export function hasDisk(): boolean {
  return typeof process === "object" && typeof process.getBuiltinModule === "function";
}

/** A folder of the file system, by path or by `file:` URL. */
export class DiskFolder implements ModelFolder {
  readonly location: string;

  constructor(location: string | URL) {
    this.location =
      location instanceof URL ? process.getBuiltinModule("node:url").fileURLToPath(location) : location;
  }

  async open(name: string, signal?: AbortSignal, from: number = 0): Promise<OpenFile | undefined> {
    const path = process.getBuiltinModule("node:path").join(this.location, name);
    throwIfAborted(signal, `Reading ${path}`);
    let handle: FileHandle | undefined;
    try {
      const { O_RDONLY, O_NONBLOCK } = process.getBuiltinModule("node:fs").constants;
      // A pipe without a writer must not be waited for. Windows has no such flag, and no pipes in folders.
      handle = await process.getBuiltinModule("node:fs/promises").open(path, O_RDONLY | (O_NONBLOCK ?? 0));
      const stats = await handle.stat();
      // A device may never end, and what a pipe gives can be read once only.
      if (!stats.isFile()) throw new Error("it is no regular file");
      return openHandle(handle, { path, from, size: stats.size }, signal);
    } catch (cause) {
      await handle?.close();
      if (isMissing(cause)) return undefined;
      throw unreadable(path, cause);
    }
  }
}

function openHandle(
  handle: FileHandle,
  { path, from, size }: { readonly path: string; readonly from: number; readonly size: number },
  signal: AbortSignal | undefined,
): OpenFile {
  let position = from;
  return {
    sizeBytes: Math.max(0, size - from),
    async read() {
      throwIfAborted(signal, `Reading ${path}`);
      try {
        const { buffer, bytesRead } = await handle.read(new Uint8Array(chunkBytes), 0, chunkBytes, position);
        position += bytesRead;
        return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead);
      } catch (cause) {
        throw unreadable(path, cause);
      }
    },
    async close() {
      await handle.close();
    },
  };
}

function isMissing(cause: unknown): boolean {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return code === "ENOENT" || code === "ENOTDIR";
}

function unreadable(path: string, cause: unknown): FetchError {
  return new FetchError({
    url: path,
    problem: cause instanceof Error ? cause.message : String(cause),
    remedy: "Check that it is a file and that this program may read it.",
    cause,
  });
}
