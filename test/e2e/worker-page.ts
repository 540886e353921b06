// A page with the built modules, for the tests of a model in a worker.
import { join } from "node:path";
import type { Page } from "puppeteer";
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from "vitest";
import { launchBrowser, type LaunchedBrowser } from "../../src/cli/browser/launch-browser.js";
import { serve, type Server } from "../../src/cli/browser/serve.js";
import { expectBuilt, root } from "./run-start.js";

let server: Server;
let launched: LaunchedBrowser;
/** A new one for every test. */
export let page: Page;
/** What nobody caught in it. A test that expects some takes them out. */
export const uncaught: string[] = [];

/** Registers what opens and closes it. After every test the page's worker has to be gone, and nothing uncaught. */
export function useWorkerPage(): void {
  beforeAll(async () => {
    expectBuilt("dist/worker.js", "dist/model-worker.js", "dist/worker/index.d.ts");
    server = await serve({ "/": join(root, "dist"), "/encoders/": join(root, "test/fixtures/encoders") });
    launched = await launchBrowser();
  });

  beforeEach(async () => {
    uncaught.length = 0;
    page = await openPage();
  });

  afterEach(async () => {
    try {
      await vi.waitFor(() => expect(page.workers()).toHaveLength(0), 5000);
      expect(uncaught).toEqual([]);
    } finally {
      await page.close();
    }
  });

  afterAll(async () => {
    await launched?.close();
    await server?.close();
  });
}

/** One more page with the built modules. */
export async function openPage(): Promise<Page> {
  const opened = await launched.browser.newPage();
  opened.on("pageerror", (error) => uncaught.push(String(error)));
  await opened.goto(server.origin);
  return opened;
}

/** What a program gives in the page. `weft` and `inWorker` are the two modules, `told` says what an error is. */
export async function inPage(program: string, on: Page = page): Promise<unknown> {
  return on.evaluate(`(async () => {
    const [weft, inWorker] = await Promise.all([import("/index.js"), import("/worker.js")]);
    const { WorkerModel } = inWorker;
    const folder = "./tinystories-gpt2/";
    const told = (error) => ({ ...error, name: error.name, isWeft: error instanceof weft.WeftError && error instanceof weft[error.name], text: error.message });
    const failing = async (act) => { try { return await act(); } catch (error) { return told(error); } };
    ${program}
  })()`);
}
