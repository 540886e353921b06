// The panel that checks the GPU: verifies weft's kernels on it, measures them, and offers the report. The check is loaded when it is
// asked for.
import { CancelledError, type AdapterDescription } from "../../index.js";
import type { GpuReport } from "../../jobs/gpu-check/report.js";
import { download } from "../download.js";
import { showStatus, type GpuElements } from "../page.js";
import { setDisabled } from "../set-disabled.js";
import { renderBars, renderVerification } from "./gpu-report.js";

/** Replaced by the build. */
declare const WEFT_VERSION: string;

export function connectGpuCheck(
  elements: GpuElements,
  onAdapter: (adapter: AdapterDescription) => void,
): void {
  const { status, progress } = elements;
  let running: AbortController | undefined;
  let report: GpuReport | undefined;

  elements.start.addEventListener("click", () => {
    if (!running) void start();
  });
  elements.cancel.addEventListener("click", () => running?.abort());
  elements.save.addEventListener("click", () => {
    if (report) download("weft-gpu-check.json", "application/json", textOf(report));
  });
  elements.copy.addEventListener("click", () => void copy());

  async function start(): Promise<void> {
    running = new AbortController();
    const { signal } = running;
    setBusy(true);
    try {
      const { gpu } = navigator as { readonly gpu?: GPU };
      if (!gpu) throw new Error("This browser has no WebGPU, so there is nothing to check.");
      showStatus(status, "Loading the check …");
      const { checkGpu } = await import("../../jobs/gpu-check/check.js");
      report = await checkGpu({
        gpu,
        version: WEFT_VERSION,
        runtime: navigator.userAgent,
        signal,
        onProgress(words, part) {
          showStatus(status, `${words} …`);
          progress.value = part;
        },
      });
      show(report);
    } catch (error) {
      if (signal.aborted || error instanceof CancelledError)
        showStatus(status, "Cancelled. Check again when you like.");
      else showStatus(status, error instanceof Error ? error.message : String(error), true);
    } finally {
      running = undefined;
      setBusy(false);
    }
  }

  function show(own: GpuReport): void {
    const { adapter, problems, features } = own;
    onAdapter({
      ...adapter,
      isSoftware: adapter.isSoftware ?? false,
      hasTimestamps: features.includes("timestamp-query"),
      hasShaderF16: features.includes("shader-f16"),
      hasSubgroups: features.includes("subgroups"),
    });
    elements.bars.replaceChildren(...renderBars(own));
    elements.kernels.replaceChildren(...renderVerification(own));
    elements.results.hidden = false;
    if (problems.length === 0)
      showStatus(status, "Done: everything is right. Please send the report to weft's authors.");
    else showStatus(status, `Something is wrong: ${problems.join("; ")}. Please send the report.`, true);
  }

  async function copy(): Promise<void> {
    if (!report) return;
    try {
      await navigator.clipboard.writeText(textOf(report));
      showStatus(status, "The report is in the clipboard.");
    } catch (error) {
      showStatus(status, `The browser does not let it be copied: ${(error as Error).message}`, true);
    }
  }

  function setBusy(isBusy: boolean): void {
    setDisabled(elements.start, isBusy);
    setDisabled(elements.cancel, !isBusy, elements.start);
    progress.hidden = !isBusy;
    progress.removeAttribute("value");
    elements.results.ariaBusy = String(isBusy);
  }
}

const textOf = (report: GpuReport): string => `${JSON.stringify(report, undefined, 2)}\n`;
