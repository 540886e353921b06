// Puts results into words, the same ones on the page and in the commands.
import type { AdapterDescription, LoadProgress, RecoveryEvent } from "../index.js";

export function describeAdapter({
  vendor,
  architecture,
  device,
  description,
  isSoftware,
}: AdapterDescription): string {
  const maker = [vendor, architecture].filter(Boolean).join(" ");
  const name = description || device;
  const full =
    name && maker ? `${name} (${maker})` : name || maker || "an adapter that does not say its name";
  return isSoftware
    ? `${full}. This is a software adapter: it computes on the CPU, so its times are not a GPU's`
    : full;
}

/** What loading is doing. The words stay the same throughout a file, because screen readers read every change aloud. */
export function describeLoading(model: string, progress: LoadProgress): string {
  switch (progress.phase) {
    case "download": {
      const { totalBytes } = progress;
      return `Loading ${model}${totalBytes ? `, ${(totalBytes / 1e6).toFixed(1)} MB` : ""} …`;
    }
    case "not stored":
      return `${progress.file} is not kept for the next time`;
    case "measuring":
      return "Measuring which kernels are fast here …";
    case "compiling":
      return "Compiling kernels …";
    case "ready":
      return "The model is loaded.";
    default:
      return progress satisfies never;
  }
}

/** What becomes of a model whose device was lost. */
export function describeRecovery(event: RecoveryEvent): string {
  switch (event.phase) {
    case "lost":
      return "The GPU was lost. Opening the model again …";
    case "recovered":
      return `The model goes on${event.isOtherAdapter ? ` on ${describeAdapter(event.adapter)}` : ""}.`;
    case "failed":
      return event.reason.message;
    default:
      return event satisfies never;
  }
}

/** The title of a timeline: what ran on what. */
export function titleTimeline(
  model: string,
  { vendor, architecture, isSoftware }: AdapterDescription,
): string {
  const kind = isSoftware ? " (software adapter)" : "";
  return `weft · ${model} on ${architecture || vendor || "WebGPU"}${kind}`;
}

/** The last `length` characters of a text, on one line: the part that the next words continue. */
export function endOfText(text: string, length: number): string {
  const flat = text.replaceAll(/\s+/g, " ").trim();
  return flat.length <= length ? flat : `…${flat.slice(1 - length)}`;
}

export function percent(part: number, digits: number = 0): string {
  return `${(100 * part).toFixed(digits)} %`;
}

export function count(amount: number, noun: string): string {
  return `${thousands(amount)} ${noun}${amount === 1 ? "" : "s"}`;
}

/** A number without decimals, in groups of three digits. */
export function thousands(value: number): string {
  return Math.round(value).toLocaleString("en");
}
