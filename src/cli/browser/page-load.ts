// How modules of commands load the model that the command asks for, and report progress.
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
