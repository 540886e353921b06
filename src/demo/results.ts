// Shows the results of a run as figures, picture and table.
import {
  measureTrace,
  renderTimeline,
  toChromeTrace,
  validateTrace,
  type AdapterDescription,
} from "../index.js";
import { create, renderFigure, type Figure } from "./figure.js";
import { renderHeatMap } from "./panels/heat-map.js";
import type { JobReport, SentenceReport } from "../jobs/score.js";
import type { PageElements } from "./page.js";
import type { Racer } from "./race.js";
import type { TimelineView } from "./panels/timeline-view.js";
import { count, percent, thousands, titleTimeline } from "../jobs/words.js";

type Pass = Pick<JobReport, "stats" | "trace">;

/** Files to save, as text. Made only on request, because many passes may follow one another. */
export interface Results {
  readonly picture: () => string;
  readonly chromeTrace: () => string;
}

export function showResults(
  elements: PageElements,
  timeline: TimelineView,
  report: JobReport,
  model: string,
  adapter: AdapterDescription,
): Results {
  showSentences(elements, report.sentences);
  return showPass(elements, timeline, report, model, adapter);
}

/** Shows sentences as soon as they are scored; the picture of a pass comes later. */
export function showSentences(elements: PageElements, sentences: readonly SentenceReport[]): void {
  elements.sentences.replaceChildren(...sentences.map(renderSentence));
  elements.scored.hidden = false;
  elements.racers.hidden = true;
  elements.results.hidden = false;
}

/** Shows figures and picture of a pass. The sentences stay as they are. */
export function showPass(
  elements: PageElements,
  timeline: TimelineView,
  pass: Pass,
  model: string,
  adapter: AdapterDescription,
): Results {
  const { trace } = pass;
  const title = titleTimeline(model, adapter);
  elements.figures.replaceChildren(...figuresOf(pass).map(renderFigure));
  timeline.show(trace, title);
  for (const element of [elements.results, elements.picture]) element.hidden = false;
  return { picture: () => renderTimeline(trace, { title }), chromeTrace: () => toChromeTrace(trace) };
}

/** Shows a bar per racer; the fastest has the longest. */
export function showRace(host: HTMLElement, racers: readonly Racer[]): void {
  const most = Math.max(...racers.map(({ tokensPerSecond }) => tokensPerSecond));
  const [weft] = racers;
  host.replaceChildren(
    ...racers.map(({ name, note, tokensPerSecond }) => {
      const box = document.createElement("div");
      const behind = weft!.tokensPerSecond / tokensPerSecond;
      const speed = create("dd", `${thousands(tokensPerSecond)} tokens/s`, "speed");
      speed.style.setProperty("--share", String(tokensPerSecond / most));
      const words = behind === 1 ? note : `${note}; weft is ${behind.toFixed(1)} × as fast`;
      box.append(create("dt", name), speed, create("dd", words, "note"));
      return box;
    }),
  );
  host.hidden = false;
}

function figuresOf({ stats, trace }: Pass): Figure[] {
  const metrics = measureTrace(trace);
  const problems = validateTrace(trace);
  return [
    {
      name: "Speed",
      value: thousands((1000 * stats.tokens) / stats.elapsedMs),
      note: `tokens per second: ${thousands(stats.tokens)} in ${thousands(stats.elapsedMs)} ms`,
    },
    { name: "Makespan", value: `${thousands(metrics.makespanMs)} ms`, note: "of the recorded run" },
    {
      name: "Efficiency",
      value: percent(metrics.efficiency, 1),
      note: "least any schedule takes ÷ makespan",
    },
    { name: "Bubbles", value: percent(metrics.bubbleFraction, 1), note: "queues' time that was idle" },
    { name: "Overlap", value: `${thousands(metrics.overlapMs)} ms`, note: "attention beside others' slices" },
    {
      name: "Dispatches",
      value: thousands(stats.dispatches),
      note: `in ${count(stats.submissions, "submission")}`,
    },
    problems.length === 0
      ? { name: "Trace", value: "valid", note: "every task once, no fence broken" }
      : { name: "Trace", value: "broken", note: problems[0]! },
  ];
}

function renderSentence({ pieces, tokens, perplexity, next }: SentenceReport, index: number): HTMLElement {
  const words = create("div", "", "words");
  for (const { text: word, probability } of next) {
    const item = create("span", "");
    item.append(create("b", JSON.stringify(word)), ` ${percent(probability)}`);
    words.append(item);
  }
  const last = create("td", "");
  last.append(words);
  const row = document.createElement("tr");
  const sentence = create("td", "");
  sentence.append(renderHeatMap(pieces));
  row.append(
    renderNumber("#", String(index)),
    renderNumber("Tokens", String(tokens)),
    renderNumber("Perplexity", perplexity.toFixed(1)),
    sentence,
    last,
  );
  return row;
}

/** A cell. Its name is shown if the table has no room for a head. */
function renderNumber(name: string, value: string): HTMLElement {
  const cell = create("td", value, "number");
  cell.dataset["name"] = name;
  return cell;
}
