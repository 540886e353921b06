// Downloaded files on the disk, for Node only: a folder as the XDG base directories have it, or the one that WEFT_CACHE names.
import { StorageError } from "../../errors.js";
import { throwIfAborted } from "../../util/signal.js";
import { DiskFolder } from "../disk-folder.js";
import type { OpenFile } from "../model-folder.js";
import type { Appender, PartStore } from "./part-store.js";

/** How often a lock that another process holds is looked at. */
const LOCK_POLL_MS = 100;

/** A lock that says no process for so long was left by one that ended at once. */
const EMPTY_LOCK_MS = 10_000;

/** The ending of entries that are not whole. */
const DRAFT = ".new";

/** The folder of this user's downloads. */
export function diskCacheFolder(): string {
  const path = process.getBuiltinModule("node:path");
  const { WEFT_CACHE: own, XDG_CACHE_HOME: caches } = process.env;
  if (own) return own;
  return path.join(caches || path.join(process.getBuiltinModule("node:os").homedir(), ".cache"), "weft");
}

export class DiskStore implements PartStore {
  readonly #root: string;
  readonly #folder: DiskFolder;
  #drafts = 0;

  constructor(root: string = diskCacheFolder()) {
    this.#root = root;
    this.#folder = new DiskFolder(root);
  }

  async size(key: string): Promise<number | undefined> {
    try {
      return (await this.#fs.stat(this.#path(key))).size;
    } catch (cause) {
      return ignoreMissing(cause);
    }
  }

  open(key: string, signal?: AbortSignal, from: number = 0): Promise<OpenFile | undefined> {
    return this.#folder.open(key, signal, from);
  }

  async append(key: string): Promise<Appender> {
    const handle = await this.#try(async () => {
      await this.#makeFolderOf(key);
      return this.#fs.open(this.#path(key), "a");
    });
    return {
      append: (bytes) => this.#try(() => handle.appendFile(bytes)),
      close: () => handle.close(),
    };
  }

  async write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#try(async () => {
      await this.#makeFolderOf(key);
      const path = this.#path(key);
      const draft = `${path}.${process.pid}-${this.#drafts++}${DRAFT}`;
      await this.#fs.writeFile(draft, bytes);
      await this.#fs.rename(draft, path);
    });
  }

  async remove(key: string): Promise<void> {
    await this.#fs.rm(this.#path(key), { recursive: true, force: true });
  }

  async list(key: string): Promise<readonly string[]> {
    try {
      return (await this.#fs.readdir(this.#path(key))).filter((name) => !name.endsWith(DRAFT));
    } catch (cause) {
      return ignoreMissing(cause) ?? [];
    }
  }

  async lock<R>(name: string, signal: AbortSignal | undefined, action: () => Promise<R>): Promise<R> {
    const path = this.#path(`locks/${name.replaceAll("/", "+")}`);
    await this.#makeFolderOf(`locks/x`);
    for (;;) {
      throwIfAborted(signal, "Waiting for another process that downloads the same model");
      try {
        await this.#fs.writeFile(path, String(process.pid), { flag: "wx" });
        break;
      } catch (cause) {
        if (codeOf(cause) !== "EEXIST") throw this.#storageError(cause);
      }
      if (await this.#isAbandoned(path)) await this.#fs.rm(path, { force: true });
      else await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
    }
    try {
      return await action();
    } finally {
      await this.#fs.rm(path, { force: true });
    }
  }

  async room(): Promise<number | undefined> {
    await this.#makeFolderOf("x");
    const { bavail, bsize } = await this.#fs.statfs(this.#root);
    return bavail * bsize;
  }

  /** Whether the process that holds a lock has ended. */
  async #isAbandoned(path: string): Promise<boolean> {
    const text = await this.#fs.readFile(path, "utf8").catch(() => undefined);
    if (text === undefined) return false;
    const holder = Number(text);
    if (holder === process.pid) return false;
    if (!Number.isSafeInteger(holder) || holder <= 0) {
      const { mtimeMs } = await this.#fs.stat(path).catch(() => ({ mtimeMs: Infinity }));
      return Date.now() - mtimeMs > EMPTY_LOCK_MS;
    }
    try {
      process.kill(holder, 0);
      return false;
    } catch (cause) {
      return codeOf(cause) === "ESRCH";
    }
  }

  get #fs(): typeof import("node:fs/promises") {
    return process.getBuiltinModule("node:fs/promises");
  }

  #path(key: string): string {
    return process.getBuiltinModule("node:path").join(this.#root, ...key.split("/"));
  }

  async #makeFolderOf(key: string): Promise<void> {
    const folder = process.getBuiltinModule("node:path").dirname(this.#path(key));
    await this.#fs.mkdir(folder, { recursive: true });
  }

  async #try<R>(action: () => Promise<R>): Promise<R> {
    try {
      return await action();
    } catch (cause) {
      throw this.#storageError(cause);
    }
  }

  #storageError(cause: unknown): StorageError {
    const isFull = ["ENOSPC", "EDQUOT"].includes(codeOf(cause) ?? "");
    return new StorageError({
      reason: isFull ? "full" : "failed",
      problem: `${this.#root}: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    });
  }
}

function codeOf(cause: unknown): string | undefined {
  return cause instanceof Error && "code" in cause ? String(cause.code) : undefined;
}

function ignoreMissing(cause: unknown): undefined {
  const code = codeOf(cause);
  if (code !== "ENOENT" && code !== "ENOTDIR") throw cause;
}
