// A page loads a model of a hub: what it downloads is kept in the browser's file system of the site, so that the next page, and a
// worker, load it without the network.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchBrowser, type LaunchedBrowser } from "../../src/cli/browser/launch-browser.js";
import { serve, type Server } from "../../src/cli/browser/serve.js";
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
  readonly sources: readonly string[];
  readonly cached: readonly { readonly id: string; readonly files: readonly string[] }[];
}

/** What the page runs. It is text, as the page imports what was built. */
const program = (address: string, kind: "page" | "worker"): string => `(async () => {
  const weft = await import("/index.js");
  const { WorkerModel } = await import("/worker.js");
  const sources = new Set();
  const onProgress = ({ phase, source }) => phase === "download" && sources.add(source);
  const Model = ${JSON.stringify(kind)} === "page" ? weft.Model : WorkerModel;
  const model = await Model.load("own/model", { hub: ${JSON.stringify(address)}, onProgress });
  const { text } = await model.generate("Once upon a time", { maxTokens: 8, temperature: 0 });
  model.dispose();
  return { text, sources: [...sources], cached: await weft.listCached() };
})()`;

/** Loads the model in a new page, and generates. */
async function runPage(kind: "page" | "worker"): Promise<Answer> {
  const page = await launched.browser.newPage();
  try {
    await page.goto(site.origin);
    return (await page.evaluate(program(hub.url, kind))) as Answer;
  } finally {
    await page.close();
  }
}

it("loads it from the hub once, then from what is kept, in pages and workers", async () => {
  const first = await runPage("page");
  expect(first.sources).toContain("network");
  expect(first.text.length).toBeGreaterThan(3);
  expect(first.cached).toMatchObject([{ id: "own/model", files: ["tiny-Q4_K_M.gguf"] }]);
  expect(hub.requests.filter(({ path }) => path.endsWith(".gguf")).length).toBeGreaterThan(0);
  await hub.stop();
  for (const kind of ["page", "worker"] as const) {
    const again = await runPage(kind);
    expect(again.sources, kind).toEqual(["cache"]);
    expect(again.text, kind).toBe(first.text);
  }
});
