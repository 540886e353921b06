// How modules of commands load the model that the command asks for, and report progress.
import type { HubOptions, LoadOptions } from "../../index.js";
import { describeRecovery } from "../../jobs/words.js";

export function loadOptions(
  queues: number,
  report: (words: string, part?: number) => void,
  signal?: AbortSignal,
  /** How a hub's model is loaded. */
  hub: HubOptions = {},
): LoadOptions {
  return {
    ...hub,
    queues,
    ...(signal ? { signal } : {}),
    onRecovery: (event) => report(describeRecovery(event)),
    onProgress(progress) {
      if (progress.phase === "measuring") report("measuring kernels");
      if (progress.phase === "not stored") report(`Not kept for the next time: ${progress.problem}`);
      if (progress.phase !== "download") return;
      const { file, loadedBytes, totalBytes, source } = progress;
      const size = totalBytes === undefined ? "" : `, ${(totalBytes / 1e6).toFixed(1)} MB`;
      const words = source === "network" ? `Downloading ${file}${size}` : "loading";
      report(words, totalBytes && loadedBytes / totalBytes);
    },
  };
}
