// Which files of a repository are the model, and models that are read from a hub as a whole.
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { writeGguf } from "../../../../src/cli/bench/made-up/gguf-writer.js";
import { smol } from "../../../../src/cli/bench/made-up/decoder.js";
import { FormatError } from "../../../../src/errors.js";
import { openHub } from "../../../../src/files/hub/open-hub.js";
import type { DownloadProgress } from "../../../../src/files/read-tensors.js";
import { isHubSource } from "../../../../src/files/source.js";
import { defineModel } from "../../../../src/model/definition.js";
import { listParameters } from "../../../../src/model/weights/parameters.js";
import { describeModel } from "../../../../src/runtime/load/describe-model.js";
import { openModelFiles } from "../../../../src/runtime/load/model-files.js";
import { fixturePath, readBytes } from "../../../helpers/fixtures.js";
import { HubServer } from "../../../helpers/hub-server.js";
import { rejection } from "../../../helpers/rejection.js";

const times = { firstMs: 1, mostMs: 20, stalledMs: 200 };
const name = "model.safetensors";
let server: HubServer;
let root: string;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "weft-hub-"));
  vi.stubEnv("HF_TOKEN", "");
  vi.stubEnv("HF_HUB_CACHE", "/nowhere");
  vi.stubEnv("WEFT_CACHE", root);
  server = new HubServer();
  await server.start();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.stop();
  rmSync(root, { recursive: true, force: true });
});

/** Which file is taken of a repository that has these. */
async function choose(paths: readonly string[], file?: string): Promise<string | undefined> {
  server.files.clear();
  for (const path of paths) server.files.set(path, new Uint8Array(1));
  const options = { hub: server.url, ...(file === undefined ? {} : { file }) };
  return (await openHub("own/model", options, undefined, { times })).ggufName;
}

/** Reads all weights, which stay in the formats that the file has. Returns how many there are. */
async function countNumbers(onProgress?: (progress: DownloadProgress) => void): Promise<number> {
  const files = await openModelFiles("own/model", undefined, undefined, { hub: server.url });
  const { config, recipe, names } = defineModel(files.familyModel, 4);
  const parameters = listParameters(config, recipe, names, { format: await files.readFormats(undefined) });
  files.checkTensors(parameters);
  let numbers = 0;
  for await (const { values, blocks } of files.readWeights(parameters, onProgress ? { onProgress } : {}))
    numbers += blocks ? (blocks.bytes.length / blocks.format.bytes) * blocks.format.elements : values.length;
  return numbers;
}

describe("the files of a repository", () => {
  it.each([
    [["config.json", "model.safetensors", "m-Q4_0.gguf"], undefined, undefined],
    [["m.gguf", "README.md"], undefined, "m.gguf"],
    [["m-Q8_0.gguf", "m-Q4_K_M.gguf", "mmproj-Q4_K_M.gguf", "m-f16.gguf"], undefined, "m-Q4_K_M.gguf"],
    [["m.Q8_0.gguf", "m.q4_0.gguf"], undefined, "m.q4_0.gguf"],
    [["m-BF16.gguf", "m-F16.gguf"], undefined, "m-F16.gguf"],
    [["m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf"], undefined, "m-Q8_0-00001-of-00002.gguf"],
    [["a/m-Q8_0.gguf", "a/m-Q4_0.gguf"], "Q8_0", "a/m-Q8_0.gguf"],
    [["config.json", "model.safetensors", "m-Q4_0.gguf"], "m-Q4_0.gguf", "m-Q4_0.gguf"],
  ])("of %j, asked for %j, is %j", async (paths, wanted, chosen) => {
    expect(await choose(paths, wanted)).toBe(chosen);
  });

  it.each([
    [["pytorch_model.bin", "config.json"], undefined, /has only pytorch_model\.bin/],
    [["README.md"], undefined, /no file of weights/],
    [["a.gguf", "b.gguf"], undefined, /^file: expected one of a\.gguf, b\.gguf/],
    [["a.gguf", "b.gguf"], "c", /^file: expected one of a\.gguf, b\.gguf, received "c"/],
  ])("of %j, asked for %j, are none", async (paths, wanted, message) => {
    expect((await rejection(choose(paths, wanted))).message).toMatch(message);
  });

  it("may stand in the cache of Python's tools", async () => {
    const weights = new Uint8Array(2000).fill(7);
    server.files.set("config.json", new Uint8Array(2));
    server.files.set(name, weights);
    const snapshot = join(root, "models--own--model", "snapshots", server.commit);
    await mkdir(snapshot, { recursive: true });
    await mkdir(join(root, "models--own--model", "refs"), { recursive: true });
    await writeFile(join(root, "models--own--model", "refs", "main"), server.commit);
    await writeFile(join(snapshot, "config.json"), "{}");
    vi.stubEnv("HF_HUB_CACHE", root);
    const open = (): ReturnType<typeof openHub> =>
      openHub("own/model", { hub: server.url }, undefined, { times });
    // Without weights it is no model.
    expect((await open()).folder.location).toContain(server.url);
    await writeFile(join(snapshot, name), weights);
    await server.stop();
    const { folder } = await open();
    expect(folder.location).toBe(snapshot);
    const file = (await folder.open(name))!;
    expect((await file.read())!.length).toBe(2000);
    await file.close();
  });
});

describe("a GGUF model of a hub", () => {
  const file = readBytes(fixturePath("gguf", "models", "gpt2-Q4_K_M.gguf"));

  it("is read with its tokenizer, and once more without the network", async () => {
    server.files.set("README.md", new Uint8Array(3));
    server.files.set("gpt2-Q4_K_M.gguf", file);
    const description = await describeModel("own/model", { hub: server.url });
    expect(description).toMatchObject({ hasTokenizer: true, config: { modelType: "gpt2" } });
    expect(await countNumbers()).toBe(description.parameters);
    await server.stop();
    expect(await countNumbers()).toBe(description.parameters);
  });

  it("of an architecture that nobody knows is refused before it is downloaded", async () => {
    const other = new Uint8Array(40 * 2 ** 20);
    other.set(readBytes(fixturePath("gguf", "metadata", "all-types.gguf")));
    server.files.set("model.gguf", other);
    const error = await rejection(countNumbers());
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toMatch(/^model\.gguf: general\.architecture: expected one of .*, received "none"/);
    expect(server.requests.filter(({ path }) => path.endsWith(".gguf"))).toHaveLength(1);
  });
});

/** Reads all weights. Returns their number, how long it took, and where bytes came from. */
async function readTimed(): Promise<{
  numbers: number;
  elapsedMs: number;
  sources: Set<string | undefined>;
}> {
  const beganMs = performance.now();
  const sources = new Set<string | undefined>();
  const numbers = await countNumbers(({ source }) => sources.add(source));
  return { numbers, elapsedMs: performance.now() - beganMs, sources };
}

it("a server that sends nothing for as long as the caller allows is asked again, from where it stopped", async () => {
  const content = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251);
  server.files.set("config.json", new TextEncoder().encode("{}"));
  server.files.set(name, content);
  for (let stalls = 0; stalls < 2; stalls++)
    server.faults.push((request, response, file) => {
      const begin = Number(/^bytes=(\d+)-/.exec(request.headers.range!)![1]);
      response.writeHead(206, { "content-range": `bytes ${begin}-${file.length - 1}/${file.length}` });
      return response.write(file.subarray(begin, begin + 100));
    });
  const slow = { times: { ...times, stalledMs: 60_000 } };
  const { folder } = await openHub("own/model", { hub: server.url, stallMs: 100 }, undefined, slow);
  const begin = performance.now();
  await folder.fetchWhole!(name, {});
  expect(performance.now() - begin).toBeLessThan(20_000);
  const ranges = server.requests.filter(({ path }) => path.endsWith(name)).map(({ range }) => range);
  expect(ranges).toEqual(["bytes=0-99999", "bytes=100-99999", "bytes=200-99999"]);
  const file = (await folder.open(name))!;
  expect(Buffer.compare((await file.read()) ?? Buffer.of(), content)).toBe(0);
  await file.close();
});

describe("a model that is loaded again", () => {
  const shape = { ...smol, layers: 1, vocabulary: 40_000 };

  it("is there in a fifth of the time of a network with 10 MB/s, without a request, and says so", async () => {
    const file = writeGguf(shape, "Q4_1", 1);
    server.files.set("model.gguf", file);
    server.bytesPerSecond = 10e6;
    const first = await readTimed();
    expect(first.sources).toContain("network");
    // The network was as slow as it was told to be.
    expect(first.elapsedMs).toBeGreaterThan((1000 * file.length) / server.bytesPerSecond);
    const requests = server.requests.length;
    // The fastest of three, as what else runs on a machine only slows them.
    let fastestMs = Infinity;
    for (let load = 0; load < 3; load++) {
      const again = await readTimed();
      expect([...again.sources]).toEqual(["cache"]);
      expect(again.numbers).toBe(first.numbers);
      fastestMs = Math.min(fastestMs, again.elapsedMs);
    }
    expect(server.requests).toHaveLength(requests);
    console.info(`first ${Math.round(first.elapsedMs)} ms, again ${Math.round(fastestMs)} ms`);
    expect(first.elapsedMs / fastestMs).toBeGreaterThan(5);
  });
});

it("is a name with one slash that no folder has", () => {
  expect(isHubSource("HuggingFaceTB/SmolLM2-135M")).toBe(true);
  expect(isHubSource("test/unit")).toBe(false);
  for (const other of ["./a/b", "/a/b", "a/b/", "a/b/c", "a", "a/b.gguf", "http://a/b", "../b", "a/.."])
    expect(isHubSource(other), other).toBe(false);
});
