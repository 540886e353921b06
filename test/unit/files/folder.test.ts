// Folders behind http, on the disk and in memory: what is missing, what fails, what is cancelled.
import { execFileSync } from "node:child_process";
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { ArgumentError, CancelledError, FetchError, FormatError } from "../../../src/errors.js";
import {
  openRequired,
  readJson,
  readOptional,
  readRequiredJson,
  readText,
  type ModelFolder,
} from "../../../src/files/model-folder.js";
import { MemoryFolder } from "../../../src/files/memory-folder.js";
import { writeSafetensors } from "../../../src/files/safetensors-writer.js";
import { openModelFolder, openModelSource } from "../../../src/files/source.js";
import { randomFloats } from "../../helpers/random.js";
import { readAll, rejection } from "./outcome.js";

/** Larger than a chunk of the disk or of a connection. */
const tensor = {
  name: "a",
  dtype: "F32",
  shape: [300_000],
  bytes: new Uint8Array(randomFloats(1, 300_000).buffer),
};
const weights = writeSafetensors([tensor]);
const zipped = gzipSync(weights);

/** `folder` holds the tensor and nothing else. Comparing the bytes at once is a hundred times as fast as toEqual. */
async function expectTensor(folder: ModelFolder): Promise<void> {
  const [first, ...others] = await readAll(folder);
  expect(others).toEqual([]);
  expect({ ...first, bytes: undefined }).toEqual({ ...tensor, bytes: undefined });
  expect(Buffer.compare(first!.bytes, tensor.bytes)).toBe(0);
}

describe("a folder behind http", () => {
  let server: Server;
  let origin: string;
  /** Paths of the requests, and those whose connection the client gave up. */
  const requested: string[] = [];
  const abandoned: string[] = [];

  const answer: RequestListener = (request, response) => {
    const path = request.url!;
    requested.push(path);
    response.on("close", () => response.writableFinished || abandoned.push(path));
    const name = path.replace(/^\/[a-z]+\//, "").replace(/\?.*$/, "");
    if (path.startsWith("/stalls/")) {
      response.writeHead(200, { "content-length": weights.length });
      response.write(weights.subarray(0, 1000));
    } else if (path.startsWith("/silent/")) {
      // Not even a status.
    } else if (path.startsWith("/slow/")) {
      response.writeHead(200, { "content-length": weights.length });
      let at = 0;
      const timer = setInterval(() => {
        response.write(weights.subarray(at, (at += weights.length / 8)));
        if (at < weights.length) return;
        clearInterval(timer);
        response.end();
      }, 100);
    } else if (path.startsWith("/breaks/")) {
      response.writeHead(200, { "content-length": weights.length });
      response.write(weights.subarray(0, 1000), () => response.destroy());
    } else if (path.startsWith("/page/")) {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<!doctype html>");
    } else if (/^\/(nothing|gone|xhtml)\//.test(path)) {
      const status = path.startsWith("/nothing/") ? 204 : path.startsWith("/gone/") ? 410 : 200;
      response.writeHead(status, { "content-type": "Application/XHTML+xml" }).end();
    } else if (
      path.startsWith("/closed/") &&
      !["config.json", "model.safetensors.index.json"].includes(name)
    ) {
      // As a store of objects that may not be listed.
      response.writeHead(403).end();
    } else if (path.startsWith("/endless/")) {
      const chunk = Buffer.alloc(2 ** 20, " ");
      const go = (): void => {
        while (!response.destroyed && response.write(chunk));
        response.once("drain", go);
      };
      go();
    } else if (path.startsWith("/fails/")) {
      response.writeHead(503, { "content-type": "text/html" }).end("<!doctype html>busy");
    } else if (name === "model.safetensors" && path.startsWith("/zipped/")) {
      response.writeHead(200, { "content-encoding": "gzip", "content-length": zipped.length }).end(zipped);
    } else if (name === "model.safetensors") {
      response.writeHead(200, { "content-length": weights.length }).end(weights);
    } else if (name === "config.json") {
      response.writeHead(200, { "content-type": "application/json" }).end('{"a":"ü"}');
    } else {
      response.writeHead(404).end("nothing here");
    }
  };

  beforeAll(async () => {
    server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    origin = typeof address === "object" && address ? `http://127.0.0.1:${address.port}` : "";
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it("reads texts, JSON and tensors, from a string or a URL, with or without a slash or a query", async () => {
    for (const source of [`${origin}/model`, new URL(`${origin}/model/#part`), `${origin}/model/?key=1`]) {
      const folder = openModelFolder(source);
      expect(await readJson(folder, "config.json")).toEqual({ a: "ü" });
      await expectTensor(folder);
    }
    expect(requested.at(-1)).toBe("/model/model.safetensors?key=1");
  });

  it("knows the size that the server tells, unless the content is compressed", async () => {
    const plain = await openRequired(openModelFolder(`${origin}/model`), "model.safetensors");
    expect(plain.sizeBytes).toBe(weights.length);
    await plain.close();
    await plain.close();
    const folder = openModelFolder(`${origin}/zipped`);
    const file = await openRequired(folder, "model.safetensors");
    expect(file.sizeBytes).toBeUndefined();
    await file.close();
    await expectTensor(folder);
  });

  it("answers a missing file with nothing, and a required one with an error that names it", async () => {
    const folder = openModelFolder(`${origin}/model`);
    expect(await readText(folder, "tokenizer.json")).toBeUndefined();
    expect(await readJson(folder, "generation_config.json")).toBeUndefined();
    const error = await rejection(readRequiredJson(folder, "other.json"));
    expect(error).toBeInstanceOf(FetchError);
    expect(String(error)).toMatch(
      /\/model\/ other\.json: there is no such file\. A model folder contains config\.json/,
    );
  });

  it("takes the page that some servers send in place of a missing file for what it means", async () => {
    expect(await readText(openModelFolder(`${origin}/page`), "tokenizer.json")).toBeUndefined();
  });

  it.each(["nothing", "gone", "xhtml"])("knows other ways to say so: %s", async (way) => {
    expect(await readText(openModelFolder(`${origin}/${way}`), "tokenizer.json")).toBeUndefined();
  });

  it("goes on without what may be missing and may not be read, and says why", async () => {
    const folder = openModelFolder(`${origin}/closed`);
    const reasons: string[] = [];
    const read = readOptional(readJson(folder, "tokenizer.json"), ({ message }) => reasons.push(message));
    expect(await read).toBeUndefined();
    expect(reasons).toEqual([expect.stringMatching(/tokenizer\.json: the server answered 403 Forbidden/)]);
    // Weights are needed: the first refusal is what counts.
    const error = await rejection(readAll(folder));
    expect(error).toMatchObject({ status: 403, url: `${origin}/closed/model.safetensors` });
  });

  it("refuses a text that does not end", async () => {
    const error = await rejection(readJson(openModelFolder(`${origin}/endless`), "config.json"));
    expect(error).toBeInstanceOf(FormatError);
    expect(String(error)).toMatch(/config\.json: expected at most 268435456 bytes of text, received more/);
  });

  it("reports the status of any other refusal", async () => {
    const error = await rejection(readText(openModelFolder(`${origin}/fails`), "config.json"));
    expect(error).toBeInstanceOf(FetchError);
    expect(error).toMatchObject({ status: 503, url: `${origin}/fails/config.json` });
    expect(String(error)).toMatch(/the server answered 503 Service Unavailable\. Check the address/);
  });

  it("reports a server that does not answer, and a connection that breaks", async () => {
    const unreachable = await rejection(readText(openModelFolder("http://127.0.0.1:1/model"), "config.json"));
    expect(unreachable).toBeInstanceOf(FetchError);
    expect(String(unreachable)).toMatch(/the server did not answer.*Check the address and the connection/);
    const broken = await rejection(readAll(openModelFolder(`${origin}/breaks`)));
    expect(broken).toBeInstanceOf(FetchError);
    expect(String(broken)).toMatch(/the connection broke before the end of the file\. Check the connection/);
  });

  it("is cancelled before a request: none is sent", async () => {
    const before = requested.length;
    const read = readText(openModelFolder(`${origin}/model`), "config.json", AbortSignal.abort("no"));
    expect(await rejection(read)).toMatchObject({ name: "CancelledError", cause: "no" });
    expect(requested).toHaveLength(before);
  });

  it("is cancelled during a download that stalls: the connection is given up", async () => {
    const controller = new AbortController();
    const read = readAll(openModelFolder(`${origin}/stalls`), {
      signal: controller.signal,
      onProgress: () => setTimeout(() => controller.abort("enough"), 5),
    });
    const error = await rejection(read);
    expect(error).toBeInstanceOf(CancelledError);
    expect(error).toMatchObject({ cause: "enough" });
    await vi.waitFor(() => expect(abandoned).toContain("/stalls/model.safetensors"));
  });

  it.each(["stalls", "silent"])(
    "is given up when nothing comes for as long as the caller allows: %s",
    async (way) => {
      const folder = openModelFolder(`${origin}/${way}`, { stallMs: 100 });
      const error = await rejection(readAll(folder));
      expect(error).toMatchObject({ name: "FetchError", url: `${origin}/${way}/model.safetensors` });
      expect(String(error)).toMatch(/the server sent nothing for 100 ms\. .*stallMs/);
      await vi.waitFor(() => expect(abandoned).toContain(`/${way}/model.safetensors`));
      // What is allowed counts from byte to byte, and does not bound the whole.
      await expectTensor(openModelFolder(`${origin}/slow`, { stallMs: 400 }));
      const controller = new AbortController();
      setTimeout(() => controller.abort("enough"), 50);
      const cancelled = readAll(openModelFolder(`${origin}/${way}`, { stallMs: 60_000 }), {
        signal: controller.signal,
      });
      expect(await rejection(cancelled)).toMatchObject({ name: "CancelledError", cause: "enough" });
    },
  );

  it("gives the connection up when a reader closes early", async () => {
    const file = await openRequired(openModelFolder(`${origin}/stalls`), "early.bin");
    await file.read();
    await file.close();
    await vi.waitFor(() => expect(abandoned).toContain("/stalls/early.bin"));
  });
});

describe("a folder on the disk", () => {
  let path: string;
  beforeAll(async () => {
    path = await mkdtemp(join(tmpdir(), "weft-"));
    await writeFile(join(path, "model.safetensors"), weights);
    await writeFile(join(path, "config.json"), '{"a":1}');
    await writeFile(join(path, "tokenizer.json"), "<html>");
    await mkdir(join(path, "generation_config.json"));
  });
  afterAll(() => rm(path, { recursive: true }));

  it("is read by path and by file: URL", async () => {
    for (const source of [path, pathToFileURL(path), pathToFileURL(path).href]) {
      const folder = openModelFolder(source);
      expect(await readRequiredJson(folder, "config.json")).toEqual({ a: 1 });
      await expectTensor(folder);
    }
  });

  it("answers a missing file with nothing, and a required one or a missing folder with an error", async () => {
    expect(await readText(openModelFolder(path), "tokenizer_config.json")).toBeUndefined();
    const error = await rejection(readRequiredJson(openModelFolder(join(path, "nowhere")), "config.json"));
    expect(error).toBeInstanceOf(FetchError);
    expect(String(error)).toMatch(/nowhere config\.json: there is no such file\..*huggingface\.co/);
  });

  it("reports a file that is no JSON, and one that is a folder", async () => {
    const error = await rejection(readJson(openModelFolder(path), "tokenizer.json"));
    expect(error).toBeInstanceOf(FormatError);
    expect(String(error)).toMatch(
      /tokenizer\.json: expected JSON, received text that begins with "<html>"\. Check/,
    );
    const folder = await rejection(readJson(openModelFolder(path), "generation_config.json"));
    expect(folder).toBeInstanceOf(FetchError);
    expect(String(folder)).toMatch(/it is no regular file.*Check that it is a file/);
  });

  it("reports a pipe and a device, and waits for neither", async () => {
    execFileSync("mkfifo", [join(path, "pipe.json")]);
    for (const open of [openModelFolder(path).open("pipe.json"), openModelFolder("/dev").open("zero")])
      expect(String(await rejection(open))).toMatch(/^FetchError: .*it is no regular file/);
  });

  it("is cancelled by its signal", async () => {
    const read = readText(openModelFolder(path), "config.json", AbortSignal.abort());
    expect(await rejection(read)).toBeInstanceOf(CancelledError);
  });
});

describe("a model in memory", () => {
  it.each([
    ["Uint8Array", weights],
    ["a part of a larger buffer", new Uint8Array([1, ...weights, 2]).subarray(1, 1 + weights.length)],
    ["ArrayBuffer", weights.buffer],
    ["Blob", new Blob([weights])],
  ])("is read from %s", async (_, bytes) => {
    const folder = openModelFolder({ config: { a: 1 }, weights: bytes, tokenizerConfig: { b: 2 } });
    expect(await readRequiredJson(folder, "config.json")).toEqual({ a: 1 });
    expect(await readJson(folder, "tokenizer.json")).toBeUndefined();
    expect(await readJson(folder, "tokenizer_config.json")).toEqual({ b: 2 });
    await expectTensor(folder);
  });
});

/** The folder and the GGUF file of an address. */
function opened(source: string | URL): readonly (string | undefined)[] {
  const { folder, ggufName } = openModelSource(source);
  return [folder.location, ggufName];
}

/** The bytes of "file" from a byte on. */
async function rest(own: ModelFolder, from: number): Promise<Uint8Array> {
  const file = await openRequired(own, "file", undefined, from);
  const chunks: Uint8Array[] = [];
  for (let chunk = await file.read(); chunk; chunk = await file.read()) chunks.push(chunk);
  await file.close();
  const all = Buffer.concat(chunks);
  if (file.sizeBytes !== undefined) expect(file.sizeBytes).toBe(all.length);
  return all;
}

describe("a file that is opened at a byte", () => {
  const bytes = Uint8Array.from({ length: 3_000_000 }, (_, index) => index % 251);
  let folder: string;
  let server: Server;
  let origin: string;
  const ranges: (string | undefined)[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "weft-at-"));
    await writeFile(join(folder, "file"), bytes);
    server = createServer((request, response) => {
      const { range } = request.headers;
      ranges.push(range);
      const begin = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
      const path = request.url!;
      if (path.startsWith("/none/")) response.writeHead(200, { "content-length": bytes.length }).end(bytes);
      else if (begin >= bytes.length) response.writeHead(416).end();
      else {
        const first = path.startsWith("/wrong/") ? begin + 1 : begin;
        const contentRange = `bytes ${first}-${bytes.length - 1}/${bytes.length}`;
        response
          .writeHead(206, { "content-range": contentRange, "content-length": bytes.length - begin })
          .end(bytes.subarray(begin));
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    origin = typeof address === "object" && address ? `http://127.0.0.1:${address.port}` : "";
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });

  it.each([
    ["on the disk", () => openModelFolder(folder)],
    ["in memory", () => new MemoryFolder(new Map([["file", bytes]]))],
    ["in a Blob", () => new MemoryFolder(new Map([["file", new Blob([bytes])]]))],
    ["behind a server with ranges", () => openModelFolder(`${origin}/with`)],
    ["behind a server without", () => openModelFolder(`${origin}/none`)],
  ])("%s has the bytes from there on", async (_, open) => {
    for (const from of [1, 1_000_000, 2_999_999])
      expect(Buffer.compare(await rest(open(), from), bytes.subarray(from))).toBe(0);
  });

  it("asks a server for no more than that", async () => {
    ranges.length = 0;
    await rest(openModelFolder(`${origin}/with`), 7);
    await rest(openModelFolder(`${origin}/none`), 0);
    expect(ranges).toEqual(["bytes=7-", undefined]);
  });

  it("is refused when the server sends other bytes, or has none there", async () => {
    const wrong = await rejection(rest(openModelFolder(`${origin}/wrong`), 5));
    expect(wrong).toBeInstanceOf(FetchError);
    expect((wrong as Error).message).toContain("expected the bytes from 5 on, the server sent bytes 6-");
    expect(await rejection(rest(openModelFolder(`${origin}/with`), bytes.length))).toMatchObject({
      status: 416,
    });
  });
});

describe("openModelSource", () => {
  it("parts the address of a .gguf file into its folder and its name", () => {
    vi.stubGlobal("location", { href: "https://host.example/app/index.html" });
    try {
      expect(opened("models/a.Q4_K_M.gguf")).toEqual(["https://host.example/app/models/", "a.Q4_K_M.gguf"]);
      expect(opened("a.gguf")).toEqual(["https://host.example/app/", "a.gguf"]);
      expect(opened(new URL("https://other.example/x/A.GGUF?key=1#top"))).toEqual([
        "https://other.example/x/?key=1",
        "A.GGUF",
      ]);
      expect(opened("models/a.gguf/")).toEqual(["https://host.example/app/models/a.gguf/", undefined]);
    } finally {
      vi.unstubAllGlobals();
    }
    const disk = openModelSource(join("models", "b-00001-of-00002.gguf"));
    expect([disk.folder.location, disk.ggufName]).toEqual(["models/", "b-00001-of-00002.gguf"]);
    expect(openModelSource("b.gguf").folder.location).toBe(".");
  });

  it("takes a file, or all parts of one, as they are", async () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const blob = openModelSource(new Blob([bytes]));
    expect(blob.ggufName).toBe("model.gguf");
    const parts = [1, 2].map((part) => new File([bytes], `m-0000${part}-of-00002.gguf`));
    const several = openModelSource(parts);
    expect(several.ggufName).toBe("m-00001-of-00002.gguf");
    const file = await openRequired(several.folder, "m-00002-of-00002.gguf", undefined, 1);
    expect(file.sizeBytes).toBe(2);
    expect(await file.read()).toEqual(Uint8Array.of(2, 3));
  });
});

describe("openModelFolder", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("resolves a relative address against the page, where there is one", () => {
    vi.stubGlobal("document", { baseURI: "https://host.example/app/index.html" });
    expect(openModelFolder("models/a").location).toBe("https://host.example/app/models/a/");
    expect(openModelFolder("/models/a/").location).toBe("https://host.example/models/a/");
    expect(openModelFolder("https://other.example/a").location).toBe("https://other.example/a/");
  });

  it("says how to reach files of the disk from a page", () => {
    vi.stubGlobal("document", { baseURI: "file:///app/index.html" });
    vi.stubGlobal("process", undefined);
    expect(() => openModelFolder("models/a")).toThrow(FetchError);
    expect(() => openModelFolder("models/a")).toThrow(
      /a page cannot read files of the disk\. Serve the page/,
    );
  });

  it.each([
    [undefined],
    [null],
    [""],
    [3],
    ["http://"],
    [{}],
    [{ config: {} }],
    [{ config: {}, weights: [1] }],
  ])("refuses %j as a source", (source) => {
    // @ts-expect-error a caller without types can pass anything
    const call = (): unknown => openModelFolder(source);
    expect(call).toThrow(ArgumentError);
    expect(call).toThrow(
      /^source: expected a folder's or .gguf file's URL or path, .*, received .*\. Pass the folder/,
    );
  });
});
