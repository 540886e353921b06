// Runs one module of the built commands inside a page of a headless browser, and brings its answer back.
// What the module does is not known here.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { browserFlags, launchBrowser } from "./launch-browser.js";
import { serve } from "./serve.js";

/** dist/: this file runs from dist/cli. */
export const distFolder: string = dirname(dirname(fileURLToPath(import.meta.url)));

/** What a module for a page exports as `run`. Request and result are JSON. */
export type PageRun<Request, Result> = (
  request: Request,
  report: (words: string, part?: number) => void,
) => Promise<Result>;

export interface PageCall<Request> {
  /** The module's name in dist/cli, without its ending. */
  readonly module: string;
  readonly request: Request;
  /** Further folders to serve, by address. dist/ is at "/". */
  readonly folders?: Readonly<Record<string, string>>;
  /** Hears what the module reports: words, and how much of that is done, from 0 to 1, where it is known. */
  readonly onProgress?: (words: string, part?: number) => void;
}

export interface PageAnswer<Result> {
  readonly result: Result;
  /** Name and version. */
  readonly browser: string;
}

/** An error that was thrown inside the page; `message` is what it said. */
export class PageError extends Error {
  override name = "PageError";
}

type Outcome<Result> =
  { readonly result: Result } | { readonly message: string; readonly reason: string | undefined };

/** Calls `run` of the module with `request`. @throws PageError for what the page threw. */
export async function runInPage<Request, Result>(call: PageCall<Request>): Promise<PageAnswer<Result>> {
  const server = await serve({ "/": distFolder, ...call.folders });
  try {
    const launched = await launchBrowser();
    try {
      const page = await launched.browser.newPage();
      // JSON, in which the page's arguments arrive, has null for undefined.
      const report = (words: string, part: number | null): void =>
        call.onProgress?.(words, part ?? undefined);
      await page.exposeFunction("weftReport", report);
      await page.goto(server.origin);
      const outcome = (await page.evaluate(
        runModule,
        `/cli/${call.module}.js`,
        call.request,
      )) as Outcome<Result>;
      if ("result" in outcome) return { result: outcome.result, browser: launched.version };
      if (outcome.reason !== "no-webgpu" && outcome.reason !== "no-adapter")
        throw new PageError(outcome.message);
      const adapters = await page.evaluate(listAdapters);
      throw new PageError(explainNoAdapter(outcome.message, launched.version, adapters));
    } finally {
      await launched.close();
    }
  } finally {
    await server.close();
  }
}

// The next two run in the page: they may use nothing from around them.
async function runModule(address: string, request: unknown): Promise<Outcome<unknown>> {
  const { weftReport } = globalThis as unknown as { weftReport: (words: string, part?: number) => void };
  const report = (words: string, part?: number): void => weftReport(words, part);
  try {
    const module = (await import(address)) as { run: PageRun<unknown, unknown> };
    return { result: await module.run(request, report) };
  } catch (error) {
    const { message, reason } = error as Error & { reason?: string };
    return { message, reason };
  }
}

/** What each way of asking for an adapter gives. */
async function listAdapters(): Promise<string[]> {
  const { gpu } = navigator as { gpu?: GPU };
  if (!gpu) return ["navigator.gpu is missing"];
  const ways: Record<string, GPURequestAdapterOptions> = {
    "high performance": { powerPreference: "high-performance" },
    "low power": { powerPreference: "low-power" },
    software: { forceFallbackAdapter: true },
  };
  return Promise.all(
    Object.entries(ways).map(async ([way, options]) => {
      const adapter = await gpu.requestAdapter(options);
      const { vendor, architecture, description } = adapter?.info ?? {};
      return `${way}: ${adapter ? [vendor, architecture, description].filter(Boolean).join(" ") : "none"}`;
    }),
  );
}

function explainNoAdapter(message: string, version: string, adapters: readonly string[]): string {
  return [
    message,
    `  browser   ${version} (${process.env["WEFT_CHROMIUM"]})`,
    `  flags     ${browserFlags().join(" ")}`,
    `  adapters  ${adapters.join(" · ")}`,
    "  install   the driver of your GPU with Vulkan (on Debian: mesa-vulkan-drivers), or a Chromium that brings its",
    "            software adapter (on Debian: chromium and chromium-common); then run the command again.",
    "            WEFT_CHROMIUM names another browser, WEFT_BROWSER_FLAGS adds flags to the ones above.",
  ].join("\n");
}
