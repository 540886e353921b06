// How modules in a page load the model that a command asks for, and tell how far they are.
import type { LoadOptions } from "../../index.js";

export function loadOptions(
  queues: number,
  report: (words: string, part?: number) => void,
  signal?: AbortSignal,
): LoadOptions {
  return {
    queues,
    ...(signal ? { signal } : {}),
    onProgress(progress) {
      if (progress.phase === "measuring") report("measuring kernels");
      if (progress.phase !== "download") return;
      const { loadedBytes, totalBytes } = progress;
      report("loading", totalBytes && loadedBytes / totalBytes);
    },
  };
}
