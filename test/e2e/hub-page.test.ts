// A page loads a model of a hub: what it downloads is kept in the browser's file system of the site, or in its cache where that can't
// be written to, so that the next page, and a worker, load it without the network.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchBrowser, type LaunchedBrowser } from "../../src/cli/browser/launch-browser.js";
import { serve, type Server } from "../../src/cli/browser/serve.js";
import { writeGguf } from "../../src/cli/bench/made-up/gguf-writer.js";
import { smol } from "../../src/cli/bench/made-up/decoder.js";
import { HubServer } from "../helpers/hub-server.js";
import { expectBuilt, root } from "./run-start.js";

let hub: HubServer;
let site: Server;
let launched: LaunchedBrowser;

beforeAll(async () => {
  expectBuilt("dist/index.js", "dist/open-hub.js", "dist/worker.js");
  hub = new HubServer();
  await hub.start();
  const folder = join(root, "test/fixtures/gguf/models");
  hub.files.set("tiny-Q4_K_M.gguf", new Uint8Array(await readFile(join(folder, "gpt2-Q4_K_M.gguf"))));
  hub.files.set("README.md", new TextEncoder().encode("A model."));
  site = await serve({ "/": join(root, "dist") });
  launched = await launchBrowser([], []);
});
afterAll(async () => {
  await launched.close();
  await site.close();
  await hub.stop();
});

interface Answer {
  readonly text: string;
  /** Where bytes came from, in order, and "not stored" where that was told. */
  readonly sources: readonly string[];
  readonly notices: readonly string[];
  readonly cached: readonly { readonly id: string; readonly files: readonly string[] }[];
  /** Until the weights were on the GPU. */
  readonly weightsMs: number;
}

/** What the page runs. It is text, as the page imports what was built. */
const program = (address: string, kind: "page" | "worker", file: string): string => `(async () => {
  const weft = await import("/index.js");
  const { WorkerModel } = await import("/worker.js");
  const sources = new Set();
  const notices = [];
  const beganMs = performance.now();
  let weightsMs = 0;
  const onProgress = ({ phase, source, problem }) => {
    if (phase === "download") sources.add(source);
    if (phase === "not stored") sources.add(phase), notices.push(problem);
    if (phase === "compiling") weightsMs = performance.now() - beganMs;
  };
  const Model = ${JSON.stringify(kind)} === "page" ? weft.Model : WorkerModel;
  const options = { hub: ${JSON.stringify(address)}, file: ${JSON.stringify(file)}, onProgress };
  const model = await Model.load("own/model", options);
  const { text } = ${JSON.stringify(file)} === "tiny" ?
    await model.generate("Once upon a time", { maxTokens: 8, temperature: 0 }) : { text: "" };
  model.dispose();
  return { text, sources: [...sources], notices, weightsMs, cached: await weft.listCached() };
})()`;

/** A browser without a file system, and one whose site may store almost nothing. */
const lacks = {
  files: "Object.defineProperty(StorageManager.prototype, 'getDirectory', { value: undefined })",
  room: "StorageManager.prototype.estimate = async () => ({ quota: 5000, usage: 4000 })",
} as const;

interface PageOptions {
  readonly kind?: "page" | "worker";
  readonly lacking?: readonly (keyof typeof lacks)[];
  /** A part of the name of a file. */
  readonly file?: string;
}

/** Loads the model in a new page, and generates. With a context of its own, nothing is stored for it before. */
async function runPage(
  { kind = "page", lacking = [], file = "tiny" }: PageOptions,
  context?: Context,
): Promise<Answer> {
  const page = await (context ?? launched.browser).newPage();
  try {
    for (const name of lacking) await page.evaluateOnNewDocument(lacks[name]);
    await page.goto(site.origin);
    return (await page.evaluate(program(hub.url, kind, file))) as Answer;
  } finally {
    await page.close();
  }
}

type Context = Awaited<ReturnType<LaunchedBrowser["browser"]["createBrowserContext"]>>;

/** Runs `act` with a site that has stored nothing. */
async function inNewContext(act: (context: Context) => Promise<void>): Promise<void> {
  const context = await launched.browser.createBrowserContext();
  try {
    await act(context);
  } finally {
    await context.close();
  }
}

const weightRequests = (): number => hub.requests.filter(({ path }) => path.endsWith(".gguf")).length;

it("loads it in a browser without a file system from what its cache keeps", () =>
  inNewContext(async (context) => {
    const lacking = ["files"] as const;
    const first = await runPage({ lacking }, context);
    expect(first.sources).toContain("network");
    expect(first.notices).toEqual([]);
    expect(first.cached).toMatchObject([{ id: "own/model", files: ["tiny-Q4_K_M.gguf"] }]);
    const requests = hub.requests.length;
    const again = await runPage({ lacking }, context);
    expect(again.sources).toEqual(["cache"]);
    expect(again.text).toBe(first.text);
    expect(hub.requests).toHaveLength(requests);
    // With its file system, the same browser has stored nothing.
    expect((await runPage({}, context)).sources).toContain("network");
  }));

it("is told before the download that there is no room, and loads it all the same", () =>
  inNewContext(async (context) => {
    for (const lacking of [["room"], ["room", "files"]] as const) {
      const before = weightRequests();
      const own = await runPage({ lacking }, context);
      expect(own.sources).toEqual(["not stored", "network"]);
      expect(own.notices).toEqual([
        expect.stringMatching(/there is room for 1000.*removeCached removes one/),
      ]);
      expect(own.text.length).toBeGreaterThan(3);
      expect(own.cached).toMatchObject([{ files: [] }]);
      // Its header, and then its weights.
      expect(weightRequests()).toBe(before + 2);
    }
  }));

it("has its weights on the GPU in a third of the time of a network with 10 MB/s, without a request", () =>
  inNewContext(async (context) => {
    const file = writeGguf({ ...smol, layers: 1 }, "Q8_0", 1);
    hub.files.set("large.gguf", file);
    hub.bytesPerSecond = 10e6;
    try {
      const first = await runPage({ file: "large" }, context);
      expect(first.sources).toContain("network");
      expect(first.weightsMs).toBeGreaterThan((1000 * file.length) / hub.bytesPerSecond);
      const requests = hub.requests.length;
      // The fastest of three, as what else runs on a machine only slows them.
      let fastestMs = Infinity;
      for (let load = 0; load < 3; load++) {
        const again = await runPage({ file: "large" }, context);
        expect(again.sources).toEqual(["cache"]);
        fastestMs = Math.min(fastestMs, again.weightsMs);
      }
      expect(hub.requests).toHaveLength(requests);
      console.info(
        `first load ${Math.round(first.weightsMs)} ms, from the cache ${Math.round(fastestMs)} ms`,
      );
      // 7.6 times faster where this was measured; the rest is packing on the CPU, which takes longer on slower machines.
      expect(first.weightsMs / fastestMs).toBeGreaterThan(3);
    } finally {
      hub.bytesPerSecond = undefined;
      hub.files.delete("large.gguf");
    }
  }));

it("loads it from the hub once, then from what is kept, in pages and workers", async () => {
  const before = weightRequests();
  const first = await runPage({});
  expect(first.sources).toContain("network");
  expect(first.text.length).toBeGreaterThan(3);
  expect(first.cached).toMatchObject([{ id: "own/model", files: ["tiny-Q4_K_M.gguf"] }]);
  expect(weightRequests()).toBeGreaterThan(before);
  await hub.stop();
  for (const kind of ["page", "worker"] as const) {
    const again = await runPage({ kind });
    expect(again.sources, kind).toEqual(["cache"]);
    expect(again.text, kind).toBe(first.text);
  }
});
