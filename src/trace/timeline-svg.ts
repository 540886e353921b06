// Draws a trace as one self-contained SVG picture: a lane per queue over a time axis, a legend, and a line of metrics.
import { measureTrace, spanOf } from "./metrics.js";
import { element, escapeText, text } from "./svg-element.js";
import { laneHeight, renderLane } from "./timeline-lane.js";
import { gradientStyle, timelineStyle } from "./timeline-style.js";
import type { Trace } from "./trace.js";
import { checkOptionNames } from "../util/option-names.js";

/** How a timeline is drawn. */
export interface TimelineOptions {
  /** In pixels. */
  readonly width?: number;
  readonly title?: string;
  /** The part of the time that is shown, in ms since the run began. Default: all of it. */
  readonly fromMs?: number;
  readonly toMs?: number;
}

const left = 88;
const right = 24;
const headHeight = 84;
const axisHeight = 26;
const footHeight = 34;

/**
 * A picture of a run, as SVG: a lane per queue, with slices, attention, fences and submissions over time. Each stage is a `g`
 * with the attribute data-stage, "SUBMISSION.INDEX", so that a page can show more about it.
 */
export function renderTimeline(trace: Trace, options: TimelineOptions = {}): string {
  checkOptionNames(options, { width: true, title: true, fromMs: true, toMs: true });
  const { width = 1200, title = "weft" } = options;
  const lane = laneHeight(trace);
  const lanesHeight = trace.queues * lane;
  const height = headHeight + lanesHeight + axisHeight + footHeight;
  const { startMs, endMs } = spanOf(trace);
  const { fromMs = 0, toMs = endMs - startMs } = options;
  const innerWidth = width - left - right;
  const perMs = innerWidth / Math.max(toMs - fromMs, 1e-9);
  const xOf = (timeMs: number): number => left + (timeMs - startMs - fromMs) * perMs;
  const lanes = Array.from({ length: trace.queues }, (_, queue) =>
    renderLane(trace, queue, { top: headHeight + queue * lane, left, width: innerWidth, xOf }),
  );
  return element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "img",
      class: "timeline",
    },
    [
      element("title", {}, [escapeText(title)]),
      element("style", {}, [timelineStyle + (trace.shares ? gradientStyle : "")]),
      element("rect", {
        class: "background",
        x: 0.5,
        y: 0.5,
        width: width - 1,
        height: height - 1,
        rx: 8,
      }),
      text(24, 34, title, { class: "title" }),
      text(24, 56, describeRun(trace), { class: "quiet" }),
      renderLegend(forwardLegend, width - right, 46),
      ...(trace.shares ? [renderLegend(gradientLegend, width - right, 24)] : []),
      ...lanes,
      renderAxis(fromMs, toMs, perMs, headHeight + lanesHeight),
      text(24, height - 16, describeMetrics(trace)),
    ],
  );
}

interface LegendEntry {
  readonly mark: string;
  readonly words: string;
}

const forwardLegend: readonly LegendEntry[] = [
  { mark: element("rect", { class: "slice", width: 14, height: 11, rx: 2 }), words: "slices" },
  { mark: element("rect", { class: "attention", width: 14, height: 11, rx: 2 }), words: "attention" },
  { mark: element("path", { class: "fence", d: "M7 12V4l-3.5 -4h7l-3.5 4" }), words: "fence opens" },
  {
    mark: element("rect", { class: "flight", y: 2, width: 14, height: 8, rx: 2 }),
    words: "submission in flight",
  },
];

const gradientLegend: readonly LegendEntry[] = ["slice", "attention", "weight"].map((of) => ({
  mark: element("rect", { class: `${of}-gradient`, width: 14, height: 11, rx: 2 }),
  words: `${of} gradients`,
}));

function renderLegend(entries: readonly LegendEntry[], end: number, top: number): string {
  let x = end;
  const parts = entries.toReversed().map(({ mark, words }) => {
    x -= 20 + words.length * 6.2 + 18;
    return element("g", { transform: `translate(${Math.round(x + 18)} ${top})` }, [
      mark,
      text(20, 10, words),
    ]);
  });
  return element("g", {}, parts);
}

/** About eight ticks, at 1, 2 or 5 times a power of ten. */
function renderAxis(fromMs: number, toMs: number, perMs: number, bottom: number): string {
  const rough = Math.max(toMs - fromMs, 1e-6) / 8;
  const power = 10 ** Math.floor(Math.log10(rough));
  const stepMs = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const digits = Math.max(0, -Math.floor(Math.log10(stepMs)));
  const parts: string[] = [];
  const first = Math.ceil(fromMs / stepMs);
  for (let tick = first; tick * stepMs <= toMs + 1e-4 * stepMs; tick++) {
    const x = left + (tick * stepMs - fromMs) * perMs;
    const label = `${(tick * stepMs).toFixed(digits)}${tick === first ? " ms" : ""}`;
    parts.push(element("line", { class: "grid", x1: x, x2: x, y1: bottom, y2: bottom + 5 }));
    parts.push(text(x, bottom + 18, label, { class: "quiet", "text-anchor": "middle" }));
  }
  return element("g", {}, parts);
}

function describeRun(trace: Trace): string {
  const { lengths, layers, sliceTokens, fence, placement, queues } = trace;
  const isApportioned = trace.submissions.some(({ stages }) => stages.some(({ clock }) => clock === "cpu"));
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  return [
    count(lengths.length, "sentence"),
    ...(trace.shares ? [count(new Set(trace.shares).size, "share")] : []),
    count(tokens, "token"),
    `slices of ${sliceTokens}`,
    count(layers, "layer"),
    `${fence} fence`,
    queues > 1 ? `${placement} over ${count(queues, "queue")}` : "one queue",
    ...(isApportioned ? ["stage times apportioned by the host"] : []),
  ].join(" · ");
}

function describeMetrics(trace: Trace): string {
  const { makespanMs, workMs, boundMs, efficiency, bubbleFraction, ...overlap } = measureTrace(trace);
  return [
    `makespan ${makespanMs.toFixed(2)} ms`,
    `work ${workMs.toFixed(2)} ms`,
    `bound ${boundMs.toFixed(2)} ms`,
    `efficiency ${(100 * efficiency).toFixed(1)} %`,
    `bubbles ${(100 * bubbleFraction).toFixed(1)} %`,
    `attention over other sentences' slices ${overlap.overlapMs.toFixed(2)} ms`,
    ...(trace.shares
      ? [`weight gradients over activation gradients ${overlap.weightGradientOverlapMs.toFixed(2)} ms`]
      : []),
  ].join(" · ");
}

function count(amount: number, noun: string): string {
  return `${amount.toLocaleString("en")} ${noun}${amount === 1 ? "" : "s"}`;
}
