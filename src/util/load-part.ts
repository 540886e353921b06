// Waits for a part of weft that is a file of its own, loaded by `import()` when it is first needed.
import { FetchError } from "../errors.js";

/** The value of `part`, an `import()`. @throws FetchError where it can't be loaded: in a service worker, or when files are missing. */
export async function loadPart<T>(part: Promise<T>): Promise<T> {
  try {
    return await part;
  } catch (cause) {
    throw new FetchError({
      url: "a part of weft",
      problem: cause instanceof Error ? cause.message : String(cause),
      remedy: isServiceWorker()
        ? 'A service worker may load no code once it runs: import from "weft-webgpu/static", which is weft in one file.'
        : "Check the connection, and that all files of the package are beside the one that was imported.",
      cause,
    });
  }
}

function isServiceWorker(): boolean {
  const { ServiceWorkerGlobalScope: scope } = globalThis as { readonly ServiceWorkerGlobalScope?: unknown };
  return typeof scope === "function" && globalThis instanceof scope;
}
