// Draws one queue of the timeline: what its GPU ran, the fences that opened, and below them its submissions in flight.
import { countMembers, memberOf, nameStage } from "./stage-name.js";
import { element, escapeText, formatNumber, text } from "./svg-element.js";
import { weightOf } from "./task-weight.js";
import type { Trace, TraceStage, TraceSubmission } from "./trace.js";

/** Positions in a lane, in pixels from its top. */
const boxTop = 12;
const boxHeight = 64;
/** The upper part of a box holds its name, the rest its sentences. */
const nameHeight = 18;
const flightTop = boxTop + boxHeight + 8;
const flightHeight = 8;
const flightStep = 12;

/** The smallest band that can be told from its neighbours, and the smallest that holds letters. */
const smallestBand = 7;
const smallestLetteredBand = 12;
const letterWidth = 5.9;

export interface LaneFrame {
  readonly top: number;
  readonly left: number;
  readonly width: number;
  readonly xOf: (timeMs: number) => number;
}

export function laneHeight(trace: Trace): number {
  return flightTop + encoderCount(trace) * flightStep + 4;
}

export function renderLane(trace: Trace, queue: number, frame: LaneFrame): string {
  const submissions = trace.submissions.filter((submission) => submission.queue === queue);
  const { left, top, width } = frame;
  return element("g", { transform: `translate(0 ${top})` }, [
    element("rect", { class: "lane", x: left, y: 4, width, height: laneHeight(trace) - 8, rx: 4 }),
    text(left - 12, boxTop + boxHeight / 2 + 4, `queue ${queue}`, { class: "strong", "text-anchor": "end" }),
    text(left - 12, flightTop + 8, "encoders", { class: "quiet", "text-anchor": "end" }),
    ...submissions.flatMap(({ id, stages }) =>
      stages.map((stage, index) => renderStage(stage, `${id}.${index}`, trace, frame)),
    ),
    ...submissions.map((submission) => renderFlight(submission, frame)),
  ]);
}

/** A submission in flight: from when the host submitted it until the host knew that it was complete. */
function renderFlight(submission: TraceSubmission, frame: LaneFrame): string {
  const { id, encoder, submittedMs, doneMs } = submission;
  const shown = within(frame, submittedMs, doneMs);
  if (!shown) return "";
  const x = shown.x + 0.75;
  const width = Math.max(1, shown.width - 1.5);
  const y = flightTop + encoder * flightStep;
  const hint = `submission ${id}, encoder ${encoder}: ${span(submittedMs, doneMs)}`;
  return element("rect", { class: "flight", x, y, width, height: flightHeight, rx: 2 }, [
    element("title", {}, [escapeText(hint)]),
  ]);
}

function renderStage(stage: TraceStage, id: string, trace: Trace, frame: LaneFrame): string {
  const shown = within(frame, stage.beginMs, stage.endMs);
  if (!shown) return "";
  const stageName = nameStage(stage);
  const { kind, level, word, letter, noun } = stageName;
  const { x } = shown;
  // A hairline between neighbours, if the box is wide enough.
  const width = Math.max(0.75, shown.width > 3 ? shown.width - 1 : shown.width);
  const bands = bandsOf(stage, trace);
  const who = countMembers(stageName);
  const parts = [
    element("title", {}, [escapeText(`${word} ${level} · ${who}: ${span(stage.beginMs, stage.endMs)}`)]),
    element("rect", { class: kind, x, y: boxTop, width, height: boxHeight, rx: Math.min(2, width / 2) }),
  ];
  const centred = { class: `on-${kind}`, "text-anchor": "middle" };
  const name = [`${word} ${level}`, `${letter}${level}`].find((words) => fits(words, width));
  const hasCount = bands.length === 0 && fits(who, width);
  const nameY = boxTop + (bands.length > 0 ? nameHeight / 2 : boxHeight / 2 - (hasCount ? 8 : 0)) + 4;
  if (name) parts.push(text(x + width / 2, nameY, name, centred));
  if (hasCount) parts.push(text(x + width / 2, nameY + 16, who, centred));
  for (const [index, { member, y, height }] of bands.entries()) {
    parts.push(element("rect", { class: `tint-${index % 2}`, x, y, width, height }));
    const words = [`${noun} ${member}`, `${member}`].find((candidate) => fits(candidate, width));
    if (height >= smallestLetteredBand && words)
      parts.push(text(x + width / 2, y + height / 2 + 4, words, centred));
  }
  if (shown.hasBegin && (kind === "attention" || kind === "attention-gradient")) parts.push(renderFence(x));
  return element("g", { "data-stage": id }, parts);
}

/** Where a span of time lies in a lane, cut at its edges; undefined if none of it is shown. */
function within(
  { left, width, xOf }: LaneFrame,
  beginMs: number,
  endMs: number,
): { x: number; width: number; hasBegin: boolean } | undefined {
  const begin = xOf(beginMs);
  const x = Math.max(left, begin);
  const end = Math.min(left + width, xOf(endMs));
  if (end < x) return undefined;
  return { x, width: end - x, hasBegin: begin >= left };
}

/** An opened fence: from here on attention may read the rows. */
function renderFence(x: number): string {
  const top = boxTop - 6;
  return element("path", {
    class: "fence",
    d: `M${formatNumber(x)} ${boxTop + boxHeight + 2}V${top}l-3.5 -4h7l-3.5 4`,
  });
}

/**
 * The sentences of a stage ran side by side, so each gets a band, higher for more work. Returns none if there are too many
 * sentences to see them all. Weight gradients have a band for each share.
 */
function bandsOf(stage: TraceStage, trace: Trace): { member: number; y: number; height: number }[] {
  const weights = new Map<number, number>();
  for (const task of stage.tasks)
    weights.set(memberOf(task), (weights.get(memberOf(task)) ?? 0) + weightOf(task, trace));
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const shared = boxHeight - nameHeight - weights.size * smallestBand;
  if (shared < 0) return [];
  let y = boxTop + nameHeight;
  return [...weights]
    .toSorted(([a], [b]) => a - b)
    .map(([member, weight]) => {
      const height = smallestBand + (shared * weight) / total;
      y += height;
      return { member, y: y - height, height };
    });
}

function encoderCount(trace: Trace): number {
  return trace.submissions.reduce((count, { encoder }) => Math.max(count, encoder + 1), 1);
}

function fits(words: string, width: number): boolean {
  return words.length * letterWidth + 8 <= width;
}

function span(beginMs: number, endMs: number): string {
  return `${beginMs.toFixed(2)} to ${endMs.toFixed(2)} ms`;
}
