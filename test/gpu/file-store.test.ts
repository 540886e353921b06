// Where downloads are kept: in a page in the browser's own file system or in its cache, in Node on the disk. All are what the
// interface says.
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { StorageError } from "../../src/errors.js";
import { CacheStore } from "../../src/files/cache/cache-store.js";
import { listCached, removeCached } from "../../src/files/cache/cached-models.js";
import { openStore } from "../../src/files/cache/open-store.js";
import { keyPart, readEntry, writeEntry, type PartStore } from "../../src/files/cache/part-store.js";
import { rejection } from "../helpers/rejection.js";

const inBrowser = typeof document === "object";
let folder: string | undefined;
if (!inBrowser) {
  const path = process.getBuiltinModule("node:path");
  const temporary = path.join(process.getBuiltinModule("node:os").tmpdir(), "weft-store-");
  folder = process.getBuiltinModule("node:fs").mkdtempSync(temporary);
  process.env["WEFT_CACHE"] = folder;
}
const usual: PartStore = (await openStore())!;
const stores: readonly (readonly [string, PartStore])[] = inBrowser
  ? [
      ["the browser's file system", usual],
      ["the browser's cache", (await CacheStore.open())!],
    ]
  : [["a folder", usual]];

afterAll(() => {
  if (folder !== undefined) process.getBuiltinModule("node:fs").rmSync(folder, { recursive: true });
});

const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => Uint8Array.from(values);

async function readAll(store: PartStore, key: string, from: number = 0): Promise<number[] | undefined> {
  const file = await store.open(key, undefined, from);
  if (!file) return undefined;
  const found: number[] = [];
  for (let chunk = await file.read(); chunk; chunk = await file.read()) found.push(...chunk);
  await file.close();
  return found;
}

describe.each(stores)("%s", (_, store) => {
  afterEach(() => store.remove("test"));

  it("adds to an entry, also after it was closed, and reads it from any byte on", async () => {
    for (const chunks of [[bytes(1, 2), bytes(3)], [bytes(4, 5, 6)]]) {
      const appender = await store.append("test/a/000000");
      for (const chunk of chunks) await appender.append(chunk);
      await appender.close();
    }
    expect(await store.size("test/a/000000")).toBe(6);
    expect(await readAll(store, "test/a/000000")).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await readAll(store, "test/a/000000", 4)).toEqual([5, 6]);
    expect(await readAll(store, "test/a/000001")).toBeUndefined();
    expect(await store.size("test/b")).toBeUndefined();
  });

  it("lists and removes what is under a key", async () => {
    await writeEntry(store, "test/x/1", "one");
    await writeEntry(store, "test/x/2", "two");
    await writeEntry(store, "test/x/2", "other");
    await writeEntry(store, `test/${keyPart("a/b: ö*.txt")}`, "three");
    expect((await store.list("test/x")).toSorted()).toEqual(["1", "2"]);
    expect((await store.list("test")).map(decodeURIComponent).toSorted()).toEqual(["a/b: ö*.txt", "x"]);
    expect(await readEntry(store, "test/x/2")).toBe("other");
    await store.remove("test/x/1");
    await store.remove("test/nothing");
    expect(await store.list("test/x")).toEqual(["2"]);
    await store.remove("test/x");
    expect(await store.list("test/x")).toEqual([]);
    expect(await readEntry(store, "test/x/2")).toBeUndefined();
  });

  it("lets one run at a time", async () => {
    let running = 0;
    const results = await Promise.all(
      [1, 2, 3].map((own) =>
        store.lock("test/lock", undefined, async () => {
          expect(++running).toBe(1);
          await new Promise((resolve) => setTimeout(resolve, 5));
          running--;
          return own;
        }),
      ),
    );
    expect(results).toEqual([1, 2, 3]);
    const failed = await rejection(
      store.lock("test/lock", undefined, () => Promise.reject(new Error("within"))),
    );
    expect(failed.message).toBe("within");
    const aborted = await rejection(store.lock("test/lock", AbortSignal.abort(), async () => undefined));
    expect(aborted.name).toBe("CancelledError");
  });

  it("knows its room, and which models it has", async () => {
    expect(await store.room()).toBeGreaterThan(1e6);
    const commit = "0123456789abcdef0123456789abcdef01234567";
    const key = `hub/${keyPart("hub.example:80")}/${keyPart("own--model")}`;
    await writeEntry(store, `${key}/refs/${keyPart("pr/1")}`, commit);
    await writeEntry(store, `${key}/${commit}/${keyPart("sub/a.gguf")}/000000`, "12345");
    await writeEntry(store, `${key}/${commit}/${keyPart("sub/a.gguf")}/whole`, "5");
    expect(await listCached(store)).toEqual([
      {
        id: "own/model",
        hub: "hub.example:80",
        commit,
        revisions: ["pr/1"],
        files: ["sub/a.gguf"],
        bytes: 6,
      },
    ]);
    expect(await removeCached("own/model", {}, store)).toBe(6);
    expect(await listCached(store)).toEqual([]);
  });
});

if (inBrowser) {
  describe("a browser", () => {
    afterEach(() => vi.restoreAllMocks());

    it("whose file system is missing or can't be written to stores in its cache", async () => {
      expect(usual).not.toBeInstanceOf(CacheStore);
      vi.spyOn(navigator.storage, "getDirectory").mockRejectedValue(new DOMException("no", "SecurityError"));
      expect(await openStore()).toBeInstanceOf(CacheStore);
      vi.restoreAllMocks();
      const own = Object.getOwnPropertyDescriptor(FileSystemFileHandle.prototype, "createWritable")!;
      Reflect.deleteProperty(FileSystemFileHandle.prototype, "createWritable");
      try {
        expect(await openStore()).toBeInstanceOf(CacheStore);
      } finally {
        Object.defineProperty(FileSystemFileHandle.prototype, "createWritable", own);
      }
    });

    it("without a file system and a cache stores nothing", async () => {
      vi.spyOn(navigator.storage, "getDirectory").mockRejectedValue(new DOMException("no", "SecurityError"));
      vi.spyOn(caches, "open").mockRejectedValue(new DOMException("no", "SecurityError"));
      expect(await openStore()).toBeUndefined();
    });

    it("whose cache is full says what can be removed", async () => {
      const store = (await CacheStore.open())!;
      vi.spyOn(Cache.prototype, "put").mockRejectedValue(new DOMException("full", "QuotaExceededError"));
      const appender = await store.append("test/full");
      const error = await rejection(appender.append(bytes(1)));
      expect(error).toBeInstanceOf(StorageError);
      expect(error).toMatchObject({
        reason: "full",
        message: expect.stringContaining("removeCached") as string,
      });
      expect(await rejection(writeEntry(store, "test/full", "x"))).toBeInstanceOf(StorageError);
      expect(await store.size("test/full")).toBeUndefined();
    });
  });

  describe("the browser's cache", () => {
    it("reads an entry as far as no piece of it is missing, and keeps parts of keys that look like ways up", async () => {
      const store = (await CacheStore.open())!;
      const key = `test/${keyPart("..")}/a`;
      const appender = await store.append(key);
      for (const chunk of [bytes(1, 2), bytes(3), bytes(4)]) await appender.append(chunk);
      expect(await store.list("test")).toEqual([keyPart("..")]);
      const cache = await caches.open("weft");
      const middle = (await cache.keys()).find(({ url }) => url.endsWith("/a?2-3"))!;
      await cache.delete(middle);
      expect(await store.size(key)).toBe(2);
      expect(await readAll(store, key, 1)).toEqual([2]);
      await (await store.append(key)).append(bytes(9, 9));
      expect(await store.size(key)).toBe(4);
      await store.remove("test");
      expect(await store.list("test")).toEqual([]);
    });
  });
}
