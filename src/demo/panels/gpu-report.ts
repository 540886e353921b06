// Draws the report of a GPU's check: bars for the shares that weft reaches, and a row per kernel.
import type { Figure } from "../../jobs/gpu-check/figures.js";
import type { GpuReport } from "../../jobs/gpu-check/report.js";
import { describeFigure, describeShare } from "../../jobs/gpu-check/words.js";
import { create } from "../figure.js";

interface Bar {
  readonly name: string;
  readonly share: Figure;
  /** What the share is of. */
  readonly of: string;
  readonly note: string;
}

/** Elements of a list of terms. What is not known has a reason in place of a bar. */
export function renderBars({ speed, bounds }: GpuReport): HTMLElement[] {
  if (!speed)
    return [
      renderBar({ name: "Speed", share: { value: null, why: "it was not measured" }, of: "", note: "" }),
    ];
  const bandwidth = `the bandwidth, ${describeFigure(bounds.bandwidth, "GB/s")}`;
  const peak = `the peak in f32, ${describeFigure(bounds.arithmetic, "GFLOP/s")}`;
  const bars = speed.decode.flatMap((own): Bar[] => {
    const name = own.requests === 1 ? "Writing one text" : `Writing ${own.requests} texts at once`;
    const speedWords = `${own.tokensPerSecond.toFixed(1)} tokens/s`;
    // One text is bound by memory; the more there are, the more arithmetic counts.
    const ofMemory = {
      name,
      share: own.shareOfBandwidth,
      of: bandwidth,
      note: `${speedWords}, ${own.gigabytesPerSecond.toFixed(1)} GB/s`,
    };
    const ofPeak = {
      name,
      share: own.shareOfPeak,
      of: peak,
      note: `${speedWords}, ${own.gigaflopsPerSecond.toFixed(1)} GFLOP/s`,
    };
    return own.requests === 1 ? [ofMemory] : [ofMemory, ofPeak];
  });
  const { promptTokens, tokensPerSecond, gigaflopsPerSecond, shareOfPeak } = speed.prefill;
  bars.push({
    name: `Reading a prompt of ${promptTokens} tokens`,
    share: shareOfPeak,
    of: peak,
    note: `${tokensPerSecond.toFixed(1)} tokens/s, ${gigaflopsPerSecond.toFixed(1)} GFLOP/s`,
  });
  return bars.map(renderBar);
}

function renderBar({ name, share, of, note }: Bar): HTMLElement {
  const box = document.createElement("div");
  const words = share.value === null ? `unknown: ${share.why}` : `${describeShare(share)} of ${of}`;
  const bar = create("dd", words, "share");
  bar.style.setProperty("--share", String(Math.min(1, share.value ?? 0)));
  box.append(create("dt", name), bar, create("dd", note, "note"));
  return box;
}

/** A row per kernel and per model that was compared with float64. */
export function renderVerification({ verification: { kernels, models } }: GpuReport): HTMLElement[] {
  return [
    ...kernels.map(({ place, kernel, isRight, largestError }) =>
      renderRow(place, kernel, isRight, largestError),
    ),
    ...models.map(({ weights, isRight, largestError }) =>
      renderRow(`a whole model, weights in ${weights}`, "all", isRight, largestError),
    ),
  ];
}

function renderRow(
  place: string,
  kernel: string,
  isRight: boolean,
  largestError: number | null | undefined,
): HTMLElement {
  const row = document.createElement("tr");
  row.append(
    create("td", place),
    create("td", kernel),
    create("td", isRight ? "✓ right" : "✗ wrong", isRight ? "right" : "wrong"),
    create("td", largestError?.toExponential(1) ?? "not finite", "number"),
  );
  return row;
}
