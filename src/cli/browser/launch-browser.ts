// The one place that knows how a browser is launched: flags, profile, adapter.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "puppeteer";
import { endingSignals, exitStatus, type EndingSignal } from "./ending-signals.js";

/**
 * Flags for headless Chromium with WebGPU. Without a GPU, Chromium offers a software adapter only with --enable-unsafe-webgpu.
 * Developer features give timestamps finer than 0.1 ms. The other flags keep a test browser off the network.
 */
const flags: readonly string[] = [
  "--enable-unsafe-webgpu",
  "--enable-webgpu-developer-features",
  "--no-sandbox",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-quic",
  "--disable-sync",
  // A page that computes for minutes must not be taken for hung, nor be slowed down for being in the background.
  "--disable-gpu-watchdog",
  "--disable-background-timer-throttling",
  "--disable-renderer-backgrounding",
];

/** The flags above, then those of the environment, because some drivers need more. */
export function browserFlags(): string[] {
  return [...flags, ...(process.env["WEFT_BROWSER_FLAGS"] ?? "").split(/\s+/).filter(Boolean)];
}

export interface LaunchedBrowser {
  readonly browser: Browser;
  readonly version: string;
  close(): Promise<void>;
}

/** Starts a headless browser with its own profile. `close`, or a signal that ends this program, removes the profile. */
export async function launchBrowser(
  extraFlags: readonly string[] = [],
  signals: readonly EndingSignal[] = endingSignals,
): Promise<LaunchedBrowser> {
  const executablePath = process.env["WEFT_CHROMIUM"];
  if (!executablePath)
    throw new Error(
      "WEFT_CHROMIUM is not set: set it to the executable of a Chromium, or run an npm script, which finds one.",
    );
  const profile = await mkdtemp(join(tmpdir(), "weft-profile-"));
  const { launch } = await import("puppeteer");
  const launching = launch({
    executablePath,
    headless: true,
    userDataDir: profile,
    args: [...browserFlags(), ...extraFlags],
    protocolTimeout: 0,
    // Puppeteer's handlers would end this program before the profile is removed.
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
  const end = async (): Promise<void> => {
    try {
      await (await launching).close();
    } finally {
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    }
  };
  let isEnding = false;
  const onSignal = (signal: EndingSignal): void => {
    // A second signal must not interrupt what the first one began.
    if (isEnding) return;
    isEnding = true;
    const exit = (): never => process.exit(exitStatus(signal));
    end().then(exit, exit);
  };
  const close = async (): Promise<void> => {
    // The signal closes the browser. Never resolves, so that nobody reports meanwhile that the browser went away.
    if (isEnding) return new Promise(() => undefined);
    for (const signal of signals) process.off(signal, onSignal);
    await end();
  };
  for (const signal of signals) process.on(signal, onSignal);
  try {
    const browser = await launching;
    return { browser, version: await browser.version(), close };
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}
