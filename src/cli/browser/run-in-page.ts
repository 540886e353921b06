// Runs one module of the built commands in a page of a headless browser, and returns its result. Knows nothing of what the
// module does.
import { distFolder } from "./dist-folder.js";
import { endingSignals, watchInterruption } from "./ending-signals.js";
import { PIECE_BYTES } from "../terminal/file-sink.js";
import { browserFlags, launchBrowser, type LaunchedBrowser } from "./launch-browser.js";
import type { PageAnswer, PageCall, PageRun } from "./page-call.js";
import { serve, type Server } from "./serve.js";

/** An error that was thrown in the page, with its message. */
export class PageError extends Error {
  override name = "PageError";
}

type Outcome<Result> =
  { readonly result: Result } | { readonly message: string; readonly reason: string | undefined };

/** Calls `run` of the module with `request`. @throws PageError for errors of the page. */
export async function runInPage<Request, Result, Event = unknown>(
  call: PageCall<Request, Event>,
): Promise<PageAnswer<Result>> {
  const interruption = watchInterruption(call.onInterrupt);
  const server = await serve({ "/": distFolder, ...call.folders });
  try {
    const launched = await launchBrowser([], call.onInterrupt ? [] : endingSignals);
    try {
      const result = await callModule<Request, Result, Event>(call, server, launched, interruption);
      return { result, browser: launched.version };
    } finally {
      await launched.close();
    }
  } finally {
    await server.close();
  }
}

async function callModule<Request, Result, Event>(
  call: PageCall<Request, Event>,
  server: Server,
  { browser, version }: LaunchedBrowser,
  interruption: AbortSignal,
): Promise<Result> {
  const page = await browser.newPage();
  // The page's arguments arrive as JSON, which has null for undefined.
  const report = (words: string, part: number | null): void => call.onProgress?.(words, part ?? undefined);
  const emit = (events: readonly Event[]): void => {
    for (const event of events) call.onEvent?.(event, version);
  };
  await page.exposeFunction("weftReport", report);
  await page.exposeFunction("weftEmit", emit);
  await page.exposeFunction("weftSend", (name: string, base64: string, isLast: boolean) =>
    call.onPiece?.(name, Buffer.from(base64, "base64"), isLast),
  );
  await page.exposeFunction("weftTaskMs", async () => 1000 * (await page.metrics()).TaskDuration!);
  await page.goto(server.origin);
  const running = page.evaluate(runModule, `/cli/${call.module}.js`, call.request, PIECE_BYTES);
  const stop = (): void => void page.evaluate(stopModule).catch(() => undefined); // the result comes anyway
  interruption.addEventListener("abort", stop);
  if (interruption.aborted) stop();
  const outcome = (await running) as Outcome<Result>;
  interruption.removeEventListener("abort", stop);
  if ("result" in outcome) return outcome.result;
  if (outcome.reason !== "no-webgpu" && outcome.reason !== "no-adapter") throw new PageError(outcome.message);
  const adapters = await page.evaluate(listAdapters);
  throw new PageError(explainNoAdapter(outcome.message, version, adapters));
}

// The next three functions run in the page, so they may not use anything outside of themselves.
async function runModule(address: string, request: unknown, pieceBytes: number): Promise<Outcome<unknown>> {
  const { weftReport, weftEmit, weftSend, weftTaskMs } = globalThis as unknown as {
    weftReport: (words: string, part?: number) => void;
    weftEmit: (events: readonly unknown[]) => Promise<void>;
    weftSend: (name: string, base64: string, isLast: boolean) => Promise<void>;
    weftTaskMs: () => Promise<number>;
  };
  const stopping = new AbortController();
  Object.assign(globalThis, { weftStop: () => stopping.abort() });
  const report = (words: string, part?: number): void => weftReport(words, part);
  // Every call to the command is slow, so events are sent together now and then.
  let events: unknown[] = [];
  let told = Promise.resolve();
  const tell = (): Promise<void> => {
    if (events.length > 0) {
      const some = events;
      events = [];
      told = Promise.all([told, weftEmit(some)]).then(() => undefined);
    }
    return told;
  };
  const emit = (event: unknown): void => {
    if (events.length === 0) setTimeout(() => void tell(), 20);
    events.push(event);
  };
  // In pieces of base64, because a message to the command is text of limited length.
  const send = async (name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
    await tell();
    let at = 0;
    do {
      const piece = bytes.subarray(at, at + pieceBytes);
      at += pieceBytes;
      const url = await new Promise<string>((resolve, reject) => {
        const reader = new FileReader();
        reader.addEventListener("load", () => resolve(reader.result as string));
        reader.addEventListener("error", () => reject(new Error("the page could not encode a file")));
        reader.readAsDataURL(new Blob([piece]));
      });
      // The last part of "data:…;base64,…". An empty file has none.
      await weftSend(name, url.split(",")[1] ?? "", at >= bytes.length);
    } while (at < bytes.length);
  };
  try {
    const module = (await import(address)) as { run: PageRun<unknown, unknown> };
    const result = await module.run(request, report, {
      emit,
      send,
      taskMs: weftTaskMs,
      signal: stopping.signal,
    });
    await tell();
    return { result };
  } catch (error) {
    const { message, reason } = error as Error & { reason?: string };
    return { message, reason };
  }
}

function stopModule(): void {
  (globalThis as unknown as { weftStop?: () => void }).weftStop?.();
}

/** Describes the adapter for each way of asking for one. */
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
