// Downloaded files in the browser's file system of this origin (OPFS), in pages and workers.
// https://fs.spec.whatwg.org. Nothing else of the browser's storage is touched.
import type { StorageError } from "../../errors.js";
import { throwIfAborted } from "../../util/signal.js";
import type { OpenFile } from "../model-folder.js";
import { openStream } from "../open-stream.js";
import { lockInBrowser, roomOfSite, storageError } from "./browser-storage.js";
import type { Appender, PartStore } from "./part-store.js";

const ROOT = "weft";

export class OpfsStore implements PartStore {
  readonly #root: FileSystemDirectoryHandle;

  private constructor(root: FileSystemDirectoryHandle) {
    this.#root = root;
  }

  /** Undefined where there is no such file system, or it can't be written to: private windows, older Safari. */
  static async open(): Promise<OpfsStore | undefined> {
    if (typeof navigator !== "object" || typeof navigator.storage?.getDirectory !== "function")
      return undefined;
    if (typeof FileSystemFileHandle === "undefined" || !("createWritable" in FileSystemFileHandle.prototype))
      return undefined;
    try {
      const origin = await navigator.storage.getDirectory();
      return new OpfsStore(await origin.getDirectoryHandle(ROOT, { create: true }));
    } catch {
      return undefined;
    }
  }

  async size(key: string): Promise<number | undefined> {
    const handle = await this.#file(key, false);
    return handle && (await handle.getFile()).size;
  }

  async open(key: string, signal?: AbortSignal, from: number = 0): Promise<OpenFile | undefined> {
    throwIfAborted(signal, `Reading ${key}`);
    const handle = await this.#file(key, false);
    if (!handle) return undefined;
    const content = (await handle.getFile()).slice(from);
    return openStream(content.stream(), key, content.size, signal);
  }

  async append(key: string): Promise<Appender> {
    const handle = (await this.#file(key, true))!;
    const { size } = await handle.getFile();
    const writable = await handle.createWritable({ keepExistingData: true });
    await writable.seek(size);
    let failure: StorageError | undefined;
    return {
      async append(bytes) {
        try {
          await writable.write(bytes);
        } catch (cause) {
          throw (failure = storageError(cause));
        }
      },
      async close() {
        // A writer that failed has nothing left to close.
        if (failure) return;
        await writable.close().catch((cause: unknown) => {
          throw storageError(cause);
        });
      },
    };
  }

  async write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      const writable = await (await this.#file(key, true))!.createWritable();
      await writable.write(bytes);
      await writable.close();
    } catch (cause) {
      throw storageError(cause);
    }
  }

  async remove(key: string): Promise<void> {
    const [folder, name] = await this.#parentOf(key, false);
    if (folder) await folder.removeEntry(name, { recursive: true }).catch(ignoreMissing);
  }

  async list(key: string): Promise<readonly string[]> {
    const folder = await this.#folder(key.split("/").filter(Boolean), false);
    const names: string[] = [];
    if (folder) for await (const name of folder.keys()) names.push(name);
    return names;
  }

  lock<R>(name: string, signal: AbortSignal | undefined, action: () => Promise<R>): Promise<R> {
    return lockInBrowser(name, signal, action);
  }

  room(): Promise<number | undefined> {
    return roomOfSite();
  }

  async #file(key: string, create: boolean): Promise<FileSystemFileHandle | undefined> {
    const [folder, name] = await this.#parentOf(key, create);
    try {
      return await folder?.getFileHandle(name, { create });
    } catch (cause) {
      if (create) throw storageError(cause);
      return ignoreMissing(cause);
    }
  }

  async #parentOf(key: string, create: boolean): Promise<[FileSystemDirectoryHandle | undefined, string]> {
    const parts = key.split("/");
    const name = parts.pop()!;
    return [await this.#folder(parts, create), name];
  }

  async #folder(parts: readonly string[], create: boolean): Promise<FileSystemDirectoryHandle | undefined> {
    let folder = this.#root;
    for (const part of parts) {
      try {
        folder = await folder.getDirectoryHandle(part, { create });
      } catch (cause) {
        if (create) throw storageError(cause);
        return ignoreMissing(cause);
      }
    }
    return folder;
  }
}

function ignoreMissing(cause: unknown): undefined {
  const isMissing =
    cause instanceof DOMException && ["NotFoundError", "TypeMismatchError"].includes(cause.name);
  if (!isMissing) throw cause;
}
