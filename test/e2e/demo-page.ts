// The built page as a user meets it, from any file server. Tests of a file go on where the one before left it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "puppeteer";
import { afterAll, beforeAll } from "vitest";
import { launchBrowser, type LaunchedBrowser } from "../../src/cli/browser/launch-browser.js";
import { serve, type Server } from "../../src/cli/browser/serve.js";
import { expectBuilt, root } from "./run-start.js";

export let page: Page;
/** Where the page is served. */
export let address: string;
/** The folder into which the page's files go. */
export let downloads: string;
/** Errors of the page and its console, and addresses that did not answer. */
export const complaints: string[] = [];
/** All that was asked for. */
export const addresses: string[] = [];

/** A folder need not have one, and the embedded model has none. */
const isOptional = (url: string | undefined): boolean => url?.endsWith("/chat_template.jinja") === true;

/** Registers what opens and closes it. */
export function useDemoPage(): void {
  let server: Server | undefined;
  let launched: LaunchedBrowser | undefined;

  beforeAll(async () => {
    expectBuilt("dist/demo/index.html");
    downloads = await mkdtemp(join(tmpdir(), "weft-downloads-"));
    // In a folder, as its addresses must be relative.
    server = await serve({ "/some/folder/": join(root, "dist/demo") });
    address = `${server.origin}/some/folder/`;
    launched = await launchBrowser();
    page = await launched.browser.newPage();
    page.on("console", (message) => {
      if (["error", "warn"].includes(message.type()) && !isOptional(message.location().url))
        complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("response", (response) => {
      addresses.push(response.url());
      if (response.status() >= 400 && !isOptional(response.url()))
        complaints.push(`${response.status()} ${response.url()}`);
    });
    const session = await page.createCDPSession();
    await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: downloads });
    await page.goto(address);
  });

  afterAll(async () => {
    await launched?.close();
    await server?.close();
    await rm(downloads, { recursive: true, force: true });
  });
}

export async function countOf(selector: string): Promise<number> {
  return (await page.$$(selector)).length;
}
