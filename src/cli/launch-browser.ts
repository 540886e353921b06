// The one place that knows how a browser is launched: flags, profile, adapter.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer, { type Browser } from "puppeteer";

/**
 * Headless Chromium with WebGPU. A machine without a GPU needs --enable-unsafe-webgpu, or Chromium offers no software
 * adapter; developer features give timestamps finer than 0.1 ms. The rest keeps a test browser from the network.
 */
export const browserFlags: readonly string[] = [
  "--enable-unsafe-webgpu",
  "--enable-webgpu-developer-features",
  "--no-sandbox",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-quic",
  "--disable-sync",
  // A page that computes for minutes must not be taken for hung, nor slowed down because nobody looks at it.
  "--disable-gpu-watchdog",
  "--disable-background-timer-throttling",
  "--disable-renderer-backgrounding",
];

export interface LaunchedBrowser {
  readonly browser: Browser;
  readonly version: string;
  close(): Promise<void>;
}

/** Starts a headless browser with a profile of its own, which `close` removes. */
export async function launchBrowser(extraFlags: readonly string[] = []): Promise<LaunchedBrowser> {
  const executablePath = process.env["WEFT_CHROMIUM"];
  if (!executablePath)
    throw new Error("WEFT_CHROMIUM is not set: run this through an npm script, which finds a browser.");
  const profile = await mkdtemp(join(tmpdir(), "weft-profile-"));
  const browser = await puppeteer.launch({
    executablePath,
    headless: true,
    userDataDir: profile,
    args: [...browserFlags, ...extraFlags],
    protocolTimeout: 0,
  });
  return {
    browser,
    version: await browser.version(),
    async close() {
      await browser.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
