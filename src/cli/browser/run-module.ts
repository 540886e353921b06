// Runs one module of the built commands in a page of a headless browser, or in this process.
import { repeatOnOtherDriver } from "./other-driver.js";
import { watchInterruption } from "./ending-signals.js";
import type { PageAnswer, PageCall, PageRun } from "./page-call.js";

export const runtimes = ["chromium", "node"] as const;
export type Runtime = (typeof runtimes)[number];

/** The browser if there is one, as in every npm script. Otherwise Dawn, as in an installed package. */
export function usualRuntime(): Runtime {
  return process.env["WEFT_CHROMIUM"] ? "chromium" : "node";
}

/** Calls `run` of the module with the request. In a page, folders have addresses; in this process, they have paths. */
export async function runModule<Request, Result, Event = unknown>(
  runtime: Runtime,
  call: PageCall<Request, Event>,
): Promise<PageAnswer<Result>> {
  if (runtime === "node") return runHere(call);
  // Imported here, because an installed package comes without the packages that launch browsers.
  try {
    const { runInPage } = await import("./run-in-page.js");
    return await runInPage<Request, Result, Event>(call);
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new Error(
      "The packages that drive a browser are not installed: npm install puppeteer sirv, or pass --runtime node.",
      { cause },
    );
  }
}

async function runHere<Request, Result, Event>({
  module,
  request,
  onProgress,
  onEvent,
  onPiece,
  onInterrupt,
}: PageCall<Request, Event>): Promise<PageAnswer<Result>> {
  const runtime = `Dawn in Node ${process.version}`;
  const signal = watchInterruption(onInterrupt);
  const { run } = (await import(/* @vite-ignore */ new URL(`./${module}.js`, import.meta.url).href)) as {
    run: PageRun<Request, Result, Event>;
  };
  try {
    const result = await run(request, (words, part) => onProgress?.(words, part), {
      emit: (event) => onEvent?.(event, runtime),
      send: async (name, bytes) => onPiece?.(name, bytes, true),
      signal,
    });
    return { result, browser: runtime };
  } catch (error) {
    return process.exit(await repeatOnOtherDriver(module.replace(/^page-/, ""), error));
  }
}
