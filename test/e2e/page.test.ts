// The built page as a user meets it, from any file server.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { launchBrowser, type LaunchedBrowser } from "../../src/cli/launch-browser.js";
import { serve, type Server } from "../../src/cli/serve.js";
import { expectBuilt, root } from "./run-start.js";

let server: Server;
let launched: LaunchedBrowser;
let page: Page;
let downloads: string;
/** Errors of the page and its console, and addresses that did not answer. */
const complaints: string[] = [];
const addresses: string[] = [];

beforeAll(async () => {
  expectBuilt("dist/demo/index.html");
  downloads = await mkdtemp(join(tmpdir(), "weft-downloads-"));
  // In a folder, as its addresses must be relative.
  server = await serve({ "/some/folder/": join(root, "dist/demo") });
  launched = await launchBrowser();
  page = await launched.browser.newPage();
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("response", (response) => {
    addresses.push(response.url());
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
  });
  const session = await page.createCDPSession();
  await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: downloads });
  await page.goto(`${server.origin}/some/folder/`);
});

afterAll(async () => {
  await launched?.close();
  await server?.close();
  await rm(downloads, { recursive: true, force: true });
});

const textOf = (selector: string): Promise<string> =>
  page.$eval(selector, (element) => (element as HTMLElement).innerText);

const countOf = async (selector: string): Promise<number> => (await page.$$(selector)).length;

const fill = (name: string, value: string): Promise<void> =>
  page.locator(`[name=${name}]`).setTimeout(5000).fill(value);

/** Waits for the words in the status line. */
async function expectStatus(words: string): Promise<void> {
  const condition = `document.getElementById("status").textContent.includes(${JSON.stringify(words)})`;
  await page.waitForFunction(condition, { timeout: 30_000 });
}

async function readDownload(name: string): Promise<string> {
  return vi.waitFor(() => readFile(join(downloads, name), "utf8"), { timeout: 10_000 });
}

describe("the page", () => {
  it("loads nothing of the model before it is asked to", async () => {
    await page.waitForNetworkIdle();
    expect(addresses.filter((address) => address.includes("tinystories"))).toEqual([]);
    expect(await textOf("#run")).toBe("Load the model and run");
    expect(await page.$eval("#results", (element) => (element as HTMLElement).hidden)).toBe(true);
  });

  it("names every control", async () => {
    const unnamed = await page.$$eval("input, select, textarea, button, progress", (controls) =>
      controls
        .filter((control) => {
          const labels = (control as HTMLInputElement).labels ?? [];
          return labels.length === 0 && !control.textContent?.trim() && !control.ariaLabel;
        })
        .map((control) => control.outerHTML),
    );
    expect(unnamed).toEqual([]);
  });

  it("can be cancelled", async () => {
    await page.click("#run");
    await expectStatus("Scoring");
    await page.click("#cancel");
    await expectStatus("Cancelled");
    expect(await page.$eval("#run", (button) => (button as HTMLButtonElement).disabled)).toBe(false);
  });

  it("loads, runs and shows the adapter, the figures, the picture and the table", async () => {
    await page.click("#run");
    await expectStatus("Done");
    expect(await textOf("#adapter")).toMatch(/^Runs on \S/);
    expect(await textOf("#figures")).toMatch(/Speed\s+[\d,]+\s.*Trace\s+valid/s);
    expect(await countOf("#sentences tr")).toBe(64);
    expect(await countOf("#timeline >>> svg .attention")).toBeGreaterThan(4);
    expect(await countOf("#timeline >>> svg g > title")).toBeGreaterThan(8);
  });

  it("runs again with other choices and the user's own sentences", async () => {
    await page.click("#source-own");
    await fill("lines", "Once upon a time there was a cat\n\nThe dog ran.");
    await fill("sliceTokens", "3");
    await fill("queues", "3");
    await page.select("[name=fence]", "prefix");
    await page.select("[name=placement]", "spread");
    await page.click("#run");
    await page.waitForFunction('document.querySelectorAll("#sentences tr").length === 2', {
      timeout: 30_000,
    });
    await expectStatus("Done");
    expect(await textOf("#sentences")).toContain("The dog ran.");
    const words = "slices of 3 · 4 layers · prefix fence · spread over 3 queues";
    expect(await page.$eval("#timeline >>> svg", (svg) => svg.textContent)).toContain(words);
  });

  it("gives the picture and the Chrome trace as files", async () => {
    await page.click("#save-picture");
    expect(await readDownload("weft-timeline.svg")).toMatch(/^<svg .*prefix fence.*<\/svg>$/s);
    await page.click("#save-trace");
    const { traceEvents } = JSON.parse(await readDownload("weft.chrome-trace.json")) as {
      traceEvents: object[];
    };
    expect(traceEvents.length).toBeGreaterThan(10);
  });

  it("refuses a form without sentences, and says what the model refuses", async () => {
    await fill("lines", " ");
    await page.click("#run");
    expect(
      await page.$eval("[name=lines]", (field) => (field as HTMLTextAreaElement).validationMessage),
    ).toBe("Write at least one sentence.");
    await fill("lines", "word ".repeat(300));
    await page.click("#run");
    await expectStatus("expected");
    expect(await textOf("#status")).toMatch(/256/);
    await fill("lines", "The cat sat");
    await page.click("#run");
    await expectStatus("Done");
  });

  it("fits a phone", async () => {
    await page.setViewport({ width: 390, height: 800 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  });

  it("has had no errors", () => {
    expect(complaints).toEqual([]);
  });
});
