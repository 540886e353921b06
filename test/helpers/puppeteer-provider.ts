// Lets vitest run tests in the browser that weft itself launches, with the same flags and adapter.
import { defineBrowserProvider } from "@vitest/browser";
import type { BrowserProvider, BrowserProviderOption } from "vitest/node";
import { launchBrowser, type LaunchedBrowser } from "../../src/cli/browser/launch-browser.js";

/** A vitest browser provider over puppeteer: one browser, one page per session. */
export function puppeteerProvider(): BrowserProviderOption {
  return defineBrowserProvider({
    name: "puppeteer",
    options: {},
    providerFactory: () => new PuppeteerProvider(),
  });
}

class PuppeteerProvider implements BrowserProvider {
  readonly name = "puppeteer";
  readonly supportsParallelism = false;
  #launched: Promise<LaunchedBrowser> | undefined;

  getCommandsContext(): Record<string, unknown> {
    return {};
  }

  async openPage(_sessionId: string, url: string): Promise<void> {
    this.#launched ??= launchBrowser();
    const { browser } = await this.#launched;
    const page = await browser.newPage();
    await page.goto(url, { timeout: 0 });
  }

  async close(): Promise<void> {
    const launched = await this.#launched;
    this.#launched = undefined;
    await launched?.close();
  }
}
