// What a run gave, as figures, picture and table.
import {
  measureTrace,
  renderTimeline,
  toChromeTrace,
  validateTrace,
  type AdapterDescription,
} from "../index.js";
import { create, renderFigure, type Figure } from "./figure.js";
import { renderHeatMap } from "./heat-map.js";
import type { JobReport, SentenceReport } from "./job.js";
import type { PageElements } from "./page.js";
import type { Racer } from "./race.js";
import { count, percent, thousands, titleTimeline } from "./words.js";

/** Files to save, as text. */
export interface Results {
  readonly picture: string;
  readonly chromeTrace: string;
}

export function showResults(
  elements: PageElements,
  report: JobReport,
  model: string,
  adapter: AdapterDescription,
): Results {
  const { trace, sentences } = report;
  const picture = renderTimeline(trace, { title: titleTimeline(model, adapter) });
  elements.figures.replaceChildren(...figuresOf(report).map(renderFigure));
  showPicture(elements.timeline, picture);
  elements.sentences.replaceChildren(...sentences.map(renderSentence));
  elements.racers.hidden = true;
  elements.results.hidden = false;
  return { picture, chromeTrace: toChromeTrace(trace) };
}

/** A bar per racer, the fastest the longest. */
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

function figuresOf({ stats, trace }: JobReport): Figure[] {
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

/** In a shadow tree: the picture brings style rules along, which must not reach the page. */
function showPicture(host: HTMLElement, picture: string): void {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  root.innerHTML = `<style>svg { display: block; width: 100%; min-width: 900px; height: auto; }</style>${picture}`;
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

/** Its name is shown where the table has no room for a head. */
function renderNumber(name: string, value: string): HTMLElement {
  const cell = create("td", value, "number");
  cell.dataset["name"] = name;
  return cell;
}
