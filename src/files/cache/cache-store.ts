// Downloaded files in the Cache API of this origin, for browsers whose file system can't be written to. It only holds whole
// answers, so an entry that grows is several of them: the bytes from a place on, each beside the last.
// https://w3c.github.io/ServiceWorker/#cache-interface.
import { throwIfAborted } from "../../util/signal.js";
import type { OpenFile } from "../model-folder.js";
import { lockInBrowser, roomOfSite, storageError } from "./browser-storage.js";
import type { Appender, PartStore } from "./part-store.js";

const NAME = "weft";

/** Nothing is ever fetched from here: addresses are what this cache has for keys. */
const ROOT = "https://weft.invalid/";

/** The bytes of an entry from `begin` up to `end`. */
interface Piece {
  readonly url: string;
  readonly begin: number;
  readonly end: number;
}

export class CacheStore implements PartStore {
  readonly #cache: Cache;

  private constructor(cache: Cache) {
    this.#cache = cache;
  }

  /** Undefined where there is no such cache, as in pages that are not secure and in some private windows. */
  static async open(): Promise<CacheStore | undefined> {
    if (typeof caches !== "object" || typeof navigator.storage?.estimate !== "function") return undefined;
    try {
      return new CacheStore(await caches.open(NAME));
    } catch {
      return undefined;
    }
  }

  async size(key: string): Promise<number | undefined> {
    return (await this.#piecesOf(key)).at(-1)?.end;
  }

  async open(key: string, signal?: AbortSignal, from: number = 0): Promise<OpenFile | undefined> {
    throwIfAborted(signal, `Reading ${key}`);
    const pieces = await this.#piecesOf(key);
    const size = pieces.at(-1)?.end;
    if (size === undefined) return undefined;
    let position = Math.min(from, size);
    const rest = pieces.filter(({ end }) => end > position);
    return {
      sizeBytes: size - position,
      read: async () => {
        throwIfAborted(signal, `Reading ${key}`);
        const piece = rest.shift();
        const answer = piece && (await this.#cache.match(piece.url));
        // Removed meanwhile: the reader sees a file that ends too early.
        if (!piece || !answer) return undefined;
        const bytes = new Uint8Array(await answer.arrayBuffer()).subarray(position - piece.begin);
        position = piece.end;
        return bytes;
      },
      async close() {
        rest.length = 0;
      },
    };
  }

  async append(key: string): Promise<Appender> {
    let position = (await this.size(key)) ?? 0;
    return {
      append: async (bytes) => {
        if (bytes.length === 0) return;
        await this.#put(urlOf(key, position, position + bytes.length), bytes);
        position += bytes.length;
      },
      close: async () => undefined,
    };
  }

  async write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const before = await this.#cache.keys(urlOf(key), { ignoreSearch: true });
    // What replaces the old entry has the same address, whatever its size.
    await this.#put(urlOf(key), bytes);
    for (const { url } of before) if (url !== urlOf(key)) await this.#cache.delete(url);
  }

  async remove(key: string): Promise<void> {
    const own = urlOf(key);
    for (const { url } of await this.#cache.keys()) {
      const [path] = url.split("?");
      if (path === own || path!.startsWith(`${own}/`)) await this.#cache.delete(url);
    }
  }

  async list(key: string): Promise<readonly string[]> {
    const own = key === "" ? ROOT : `${urlOf(key)}/`;
    const names = new Set<string>();
    for (const { url } of await this.#cache.keys())
      if (url.startsWith(own)) names.add(fromAddress(url.slice(own.length).split(/[/?]/)[0]!));
    return [...names];
  }

  lock<R>(name: string, signal: AbortSignal | undefined, action: () => Promise<R>): Promise<R> {
    return lockInBrowser(name, signal, action);
  }

  room(): Promise<number | undefined> {
    return roomOfSite();
  }

  /** The pieces of an entry in their order, as far as none is missing between them. */
  async #piecesOf(key: string): Promise<readonly Piece[]> {
    const requests = await this.#cache.keys(urlOf(key), { ignoreSearch: true });
    const found: Piece[] = [];
    for (const { url } of requests) {
      const [, begin, end] = /\?(\d+)-(\d+)$/.exec(url) ?? [];
      if (begin !== undefined) found.push({ url, begin: Number(begin), end: Number(end) });
      else {
        const length = (await this.#cache.match(url))?.headers.get("content-length");
        if (length) found.push({ url, begin: 0, end: Number(length) });
      }
    }
    const pieces: Piece[] = [];
    for (const piece of found.toSorted((a, b) => a.begin - b.begin))
      if (piece.begin === (pieces.at(-1)?.end ?? 0)) pieces.push(piece);
    return pieces;
  }

  async #put(url: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      const headers = { "content-length": String(bytes.length) };
      await this.#cache.put(url, new Response(bytes, { headers }));
    } catch (cause) {
      throw storageError(cause);
    }
  }
}

/** The address of an entry, or of a piece of it. */
function urlOf(key: string, begin?: number, end?: number): string {
  // "%2E%2E" would be a way up. Browsers leave an escaped percent sign as it is.
  const path = key.replaceAll("%", "%25");
  return `${ROOT}${path}${begin === undefined ? "" : `?${begin}-${end}`}`;
}

const fromAddress = (part: string): string => part.replaceAll("%25", "%");
