// Models of a hub: downloaded in parts, resumed, checked, stored, listed and removed; against a server that misbehaves.
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  ArgumentError,
  CancelledError,
  FetchError,
  FormatError,
  StorageError,
} from "../../../../src/errors.js";
import { listCached, removeCached } from "../../../../src/files/cache/cached-models.js";
import { DiskStore } from "../../../../src/files/cache/disk-store.js";
import { openHub, type HubOptions } from "../../../../src/files/hub/open-hub.js";
import type { ModelFolder, OpenFile } from "../../../../src/files/model-folder.js";
import type { DownloadProgress, NotStored } from "../../../../src/files/read-tensors.js";
import { HubServer, sendFile, type Fault } from "../../../helpers/hub-server.js";
import { SeededRandom } from "../../../helpers/random.js";
import { rejection } from "../../../helpers/rejection.js";

/** Many parts of 64 KiB, the last one short. */
const partBytes = 65536;
const large = Uint8Array.from({ length: 10 * partBytes + 777 }, bytesOf(1));
const name = "model.safetensors";
const times = { firstMs: 1, mostMs: 20, stalledMs: 200 };

function bytesOf(seed: number): () => number {
  const random = new SeededRandom(seed);
  return () => random.integer(256);
}

let server: HubServer;
let storage: HubServer;
let root: string;
let store: DiskStore;

beforeEach(async () => {
  vi.stubEnv("HF_TOKEN", "");
  vi.stubEnv("HF_HUB_CACHE", "/nowhere");
  [server, storage] = [new HubServer(), new HubServer()];
  for (const own of [server, storage]) {
    await own.start();
    own.files.set("config.json", new TextEncoder().encode('{"a":1}'));
    own.files.set(name, large);
  }
  root = mkdtempSync(join(tmpdir(), "weft-hub-"));
  store = new DiskStore(root);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.stop();
  await storage.stop();
  rmSync(root, { recursive: true, force: true });
});

async function openFolder(
  options: HubOptions = {},
): Promise<Required<Pick<ModelFolder, "fetchWhole">> & ModelFolder> {
  const internals = { times, partBytes, store };
  const { folder } = await openHub("own/model", { hub: server.url, ...options }, undefined, internals);
  return folder as Required<Pick<ModelFolder, "fetchWhole">> & ModelFolder;
}

async function readFile(file: OpenFile | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  try {
    for (let chunk = await file!.read(); chunk; chunk = await file!.read()) chunks.push(chunk);
  } finally {
    await file?.close();
  }
  return Buffer.concat(chunks);
}

/** Downloads the large file and reads it. */
async function load(options: HubOptions = {}): Promise<Buffer> {
  const folder = await openFolder(options);
  await folder.fetchWhole(name, {});
  return readFile(await folder.open(name));
}

const expectLarge = (bytes: Buffer): void => expect(Buffer.compare(bytes, large)).toBe(0);
const rangesOf = (own: HubServer): string[] =>
  own.requests.filter(({ path }) => path.endsWith(name)).map(({ range }) => range);

const cut =
  (bytes: number): Fault =>
  (request, response, file) => {
    const [, begin] = /^bytes=(\d+)-/.exec(request.headers.range!)!;
    const rest = file.subarray(Number(begin));
    response.writeHead(206, {
      "content-length": rest.length,
      "content-range": `bytes ${begin}-${file.length - 1}/${file.length}`,
    });
    response.write(rest.subarray(0, bytes), () => setTimeout(() => response.destroy(), 5));
    return true;
  };
const stall: Fault = (request, response, file) => {
  const [, begin] = /^bytes=(\d+)-/.exec(request.headers.range!)!;
  response.writeHead(206, { "content-range": `bytes ${begin}-${file.length - 1}/${file.length}` });
  response.write(file.subarray(Number(begin), Number(begin) + 100));
  return true;
};
const refuse =
  (status: number, headers: Record<string, string> = {}): Fault =>
  (_, response) => {
    response.writeHead(status, headers).end("no");
    return true;
  };

describe("a model of a hub", () => {
  it("is downloaded once, in parts, and needs no network afterwards", async () => {
    const progress: DownloadProgress[] = [];
    const folder = await openFolder();
    await folder.fetchWhole(name, { onProgress: (own) => progress.push(own) });
    expectLarge(await readFile(await folder.open(name)));
    expect(rangesOf(server)).toHaveLength(11);
    expect(progress.at(-1)).toEqual({
      phase: "download",
      file: name,
      loadedBytes: large.length,
      totalBytes: large.length,
      source: "network",
    });
    expect(progress.map(({ loadedBytes }) => loadedBytes)).toEqual(
      progress.map(({ loadedBytes }) => loadedBytes).toSorted((a, b) => a - b),
    );
    expect((await readFile(await folder.open("config.json"))).toString()).toBe('{"a":1}');
    await server.stop();
    const again = await openFolder();
    await again.fetchWhole(name, {});
    const file = await again.open(name, undefined, 100_000);
    expect(file).toMatchObject({ source: "cache", sizeBytes: large.length - 100_000 });
    expect(Buffer.compare(await readFile(file), large.subarray(100_000))).toBe(0);
    expect((await readFile(await again.open("config.json"))).toString()).toBe('{"a":1}');
    expect(await again.open("nothing.json")).toBeUndefined();
  });

  it("is read from the hub if nothing is to be kept", async () => {
    expectLarge(await load({ cacheFiles: false }));
    const file = await (await openFolder({ cacheFiles: false })).open(name, undefined, 500_000);
    expect(Buffer.compare(await readFile(file), large.subarray(500_000))).toBe(0);
    expect(await readdir(root)).toEqual([]);
  });

  it("gives the beginning of a large file without the rest", async () => {
    vi.stubEnv("HF_ENDPOINT", server.url);
    server.files.set(name, new Uint8Array(5 * 2 ** 20));
    const { folder } = await openHub("own/model", {}, undefined, { store, times });
    const file = await folder.open(name);
    expect((await file!.read())!.length).toBeGreaterThan(0);
    await file!.close();
    expect(await listCached(store)).toMatchObject([{ files: [] }]);
  });

  it("stores texts of any size when they are read", async () => {
    const vocabulary = new Uint8Array(20 * 2 ** 20).fill(32);
    server.files.set("tokenizer.json", vocabulary);
    const folder = await openFolder();
    expect((await readFile(await folder.open("tokenizer.json"))).length).toBe(vocabulary.length);
    await server.stop();
    const again = await openFolder();
    expect((await readFile(await again.open("tokenizer.json"))).length).toBe(vocabulary.length);
  });

  it.each([
    ["is cut off", [cut(0), cut(1), cut(1000), cut(40_000), cut(3), cut(3)]],
    ["stalls", [stall, stall, stall]],
    [
      "answers 429 and 503",
      [
        refuse(429),
        refuse(503, { "retry-after": "0" }),
        refuse(429, { ratelimit: '"resolve";r=0;t=0' }),
        refuse(500),
      ],
    ],
  ] as const)("goes on from the byte it has when the connection %s", async (_, faults) => {
    server.faults.push(...faults);
    expectLarge(await load());
    // Nothing that has arrived is asked for again.
    if (faults[0] === refuse(429)) return;
    expect(rangesOf(server).length).toBe(11 + faults.length);
  });

  it("waits as long as the hub says before it asks again", async () => {
    server.apiFaults.push(refuse(429, { ratelimit: '"api";r=0;t=1' }));
    const begin = performance.now();
    await openHub("own/model", { hub: server.url }, undefined, { store, times: { ...times, mostMs: 200 } });
    expect(performance.now() - begin).toBeGreaterThan(900);
  });

  it("is resumed at the byte where an earlier load broke off", async () => {
    server.faults.push(...Array.from({ length: 12 }, () => cut(20_000)));
    // Six breaks in a row without a byte end a load.
    server.faults.push(...Array.from({ length: 60 }, () => cut(0)));
    const folder = await openFolder();
    const error = await rejection(folder.fetchWhole(name, {}));
    expect(error).toBeInstanceOf(FetchError);
    expect(error.message).toContain("what has arrived is kept");
    const { bytes } = (await listCached(store))[0]!;
    expect(bytes).toBeGreaterThan(50_000);
    server.faults.length = 0;
    const before = server.requests.length;
    const loaded: number[] = [];
    await folder.fetchWhole(name, { onProgress: (own) => loaded.push(own.loadedBytes) });
    expect(loaded[0]).toBeGreaterThan(50_000);
    const asked = server.requests
      .slice(before)
      .map(({ range }) => /^bytes=(\d+)-(\d+)$/.exec(range)!)
      .reduce((sum, [, begin, end]) => sum + Number(end) + 1 - Number(begin), 0);
    expect(asked).toBe(large.length - loaded[0]!);
    expectLarge(await readFile(await folder.open(name)));
  });

  it("ends when its signal is aborted, and keeps what has come", async () => {
    const controller = new AbortController();
    const folder = await openFolder();
    const loading = folder.fetchWhole(name, {
      signal: controller.signal,
      onProgress: ({ loadedBytes }) => {
        if (loadedBytes > 200_000) controller.abort();
      },
    });
    expect(await rejection(loading)).toBeInstanceOf(CancelledError);
    expectLarge(await load());
  });

  it("is downloaded by one of several loads at once", async () => {
    const results = await Promise.all([load(), load(), load()]);
    for (const bytes of results) expectLarge(bytes);
    expect(rangesOf(server)).toHaveLength(11);
  });

  it("comes from a server without ranges too", async () => {
    server.hasRanges = false;
    expectLarge(await load());
    expectLarge(await load({ cacheFiles: false }));
  });

  it.each([
    [
      "a web page",
      (_: unknown, response: Parameters<Fault>[1]) =>
        void response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>"),
      /received a web page/,
    ],
    [
      "another size",
      (_: unknown, response: Parameters<Fault>[1]) =>
        void response.writeHead(206, { "content-range": "bytes 0-9/10" }).end("0123456789"),
      /as the hub's list says/,
    ],
    [
      "another place",
      (request: Parameters<Fault>[0], response: Parameters<Fault>[1]) =>
        void response
          .writeHead(206, { "content-range": `bytes 7-16/${large.length}` })
          .end(`0123456789${request.method}`),
      /expected bytes from \d+ on/,
    ],
    [
      "416",
      (_: unknown, response: Parameters<Fault>[1]) => void response.writeHead(416).end(),
      /shorter than the hub's list says/,
    ],
    [
      "404",
      (_: unknown, response: Parameters<Fault>[1]) =>
        void response.writeHead(404, { "x-error-code": "EntryNotFound" }).end(),
      /no such file/,
    ],
    [
      "403",
      (_: unknown, response: Parameters<Fault>[1]) =>
        void response.writeHead(403, { "x-error-code": "GatedRepo" }).end(),
      /gated/,
    ],
  ] as const)(
    "is refused when the server answers %s, and loads when it does not any more",
    async (_, answer, message) => {
      const faults = Array.from({ length: 4 }, (): Fault => (request, response) => {
        answer(request, response);
        return true;
      });
      server.faults.push(...faults);
      const error = await rejection(load());
      expect(error).toBeInstanceOf(FetchError);
      expect(error.message).toMatch(message);
      server.faults.length = 0;
      expectLarge(await load());
    },
  );

  it("is checked: a byte that changed on its way is found, and nothing of the file is kept", async () => {
    const other = large.slice();
    other[300_000]! ^= 1;
    // From some moment on, the server has another file under the same commit.
    server.faults.push(
      ...Array.from({ length: 11 }, (): Fault => (request, response) => {
        sendFile(request, response, other);
        return true;
      }),
    );
    const error = await rejection(load());
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toContain("SHA-256");
    expect(await listCached(store)).toMatchObject([{ files: [] }]);
    expectLarge(await load());
  });

  it("has all files of one commit, in lists of several pages", async () => {
    server.pageSize = 1;
    expectLarge(await load());
    expect(server.requests.map(({ path }) => path).filter((path) => path.includes("/resolve/"))).toSatisfy(
      (paths: string[]) => paths.every((path) => path.includes(server.commit)),
    );
  });

  it("asks again for the commit of a branch if that is wanted, and does without the network", async () => {
    await load();
    const before = server.requests.length;
    await openFolder({ refresh: true });
    expect(server.requests.slice(before).map(({ path }) => path)).toEqual([
      "/api/models/own/model/revision/main",
    ]);
    await server.stop();
    expectLarge(await load({ refresh: true }));
  });

  it("names what is wrong with a name, a revision or an address", async () => {
    const open = (id: string, options: HubOptions = {}): Promise<Error> =>
      rejection(openHub(id, { hub: server.url, ...options }, undefined, { store, times }));
    expect((await open("own/other")).message).toMatch(/no such repository, or it is private.*token/);
    expect((await open("own/model", { revision: "v2" })).message).toContain("no such revision");
    expect(await open("own/model", { hub: "nowhere" })).toBeInstanceOf(ArgumentError);
    expect((await open("own/model", { hub: "http://127.0.0.1:1" })).message).toContain("did not answer");
    server.apiFaults.push((_, response) => {
      response.end("not json");
      return true;
    });
    expect((await open("own/model")).message).toContain("expected JSON");
  });
});

describe("a token", () => {
  it("goes to the hub, and not to the storage that it redirects to", async () => {
    server.token = "secret";
    server.storage = storage;
    expect((await rejection(load())).message).toContain("pass { token }");
    expectLarge(await load({ token: "secret" }));
    expect(
      server.requests.filter(({ authorization }) => authorization === "Bearer secret").length,
    ).toBeGreaterThan(11);
    expect(storage.requests).toHaveLength(11);
    expect(storage.requests.every(({ authorization }) => authorization === "")).toBe(true);
  });

  it("is not sent for the pages of a list that are elsewhere", async () => {
    server.apiFaults.push(
      () => false,
      (_, response) => {
        response.setHeader("link", `<${storage.url}/api/models/own/model/tree/x>; rel="next"`);
        return false;
      },
    );
    await openFolder({ token: "secret" });
    expect(storage.requests).toEqual([]);
  });
});

describe("what is stored", () => {
  it("is listed and removed", async () => {
    await load();
    const [model, ...others] = await listCached(store);
    expect(others).toEqual([]);
    expect(model).toEqual({
      id: "own/model",
      hub: new URL(server.url).host,
      commit: server.commit,
      revisions: ["main"],
      files: [name],
      bytes: expect.any(Number),
    });
    expect(model!.bytes).toBeGreaterThan(large.length);
    expect(await removeCached("own/other", {}, store)).toBe(0);
    expect(await removeCached("own/model", { commit: "0".repeat(40) }, store)).toBe(0);
    expect(await removeCached("own/model", {}, store)).toBe(model!.bytes);
    expect(await listCached(store)).toEqual([]);
  });

  it("is not begun without room: the model is read all the same, and that is told", async () => {
    vi.spyOn(store, "room").mockResolvedValue(1000);
    const notices: NotStored[] = [];
    const folder = await openFolder();
    await folder.fetchWhole(name, { onNotStored: (notice) => notices.push(notice) });
    expect(notices).toHaveLength(1);
    expect(notices[0]!.problem).toMatch(/there is room for 1000.*removeCached/);
    expect(rangesOf(server)).toEqual([]);
    expectLarge(await readFile(await folder.open(name)));
    expect(await listCached(store)).toMatchObject([{ files: [] }]);
  });

  it("is given up when the disk is full on the way", async () => {
    const append = store.append.bind(store);
    let written = 0;
    vi.spyOn(store, "append").mockImplementation(async (key) => {
      const appender = await append(key);
      return {
        close: () => appender.close(),
        append: async (bytes) => {
          if ((written += bytes.length) > 300_000)
            throw new StorageError({ reason: "full", problem: "no space" });
          await appender.append(bytes);
        },
      };
    });
    const notices: NotStored[] = [];
    const folder = await openFolder();
    await folder.fetchWhole(name, { onNotStored: (notice) => notices.push(notice) });
    expect(notices).toHaveLength(1);
    expectLarge(await readFile(await folder.open(name)));
    expect((await listCached(store))[0]!.bytes).toBeLessThan(1000);
  });

  it("is taken over from a process that ended while it downloaded", async () => {
    await load();
    await removeCached("own/model", {}, store);
    await mkdir(join(root, "locks"), { recursive: true });
    const key = `hub+${encodeURIComponent(new URL(server.url).host)}+own--model+${server.commit}+${name}`;
    // No process has the largest number.
    await writeFile(join(root, "locks", key), String(2 ** 22 + 1));
    expectLarge(await load());
  });
});
