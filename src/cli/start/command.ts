// `npm start`: scores a batch of ragged sentences in a headless browser, prints the results, draws the schedule, and then shows
// several stories while they are written.
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { count, titleTimeline } from "../../jobs/words.js";
import { measureTrace, renderTimeline, toChromeTrace, validateTrace } from "../../index.js";
import { print, runCommand, shorten, writeInto } from "../terminal/command.js";
import { embedded, placeModel } from "../terminal/model-choice.js";
import type { ScoringReport, StartEvent, StartReport, StartRequest } from "./page.js";
import {
  describeFigures,
  describeRun,
  describeWriting,
  line,
  renderTable,
} from "../terminal/print-report.js";
import { Progress } from "../terminal/progress.js";
import { distFolder } from "../browser/dist-folder.js";
import { runInPage } from "../browser/run-in-page.js";
import { helpText, parseStartOptions, type StartOptions } from "./options.js";
import { StoryBoard } from "../terminal/story-board.js";

/** With a fixed seed, so that every run writes the same. */
const stories = { count: 16, options: { maxTokens: 48, seed: 1 } };

const timeline = join(dirname(distFolder), "out", "timeline.svg");

async function start(options: StartOptions): Promise<void> {
  const { texts, model, json, help: _, ...choices } = options;
  const { name, address, folders } = placeModel(model, "chromium");
  const request: StartRequest = {
    ...choices,
    model: address,
    texts: texts.length > 0 ? texts : await readPrompts(),
    stories,
  };
  const progress = new Progress();
  let problems: readonly string[] = [];
  let board: StoryBoard | undefined;
  const onEvent = (event: StartEvent, browser: string): void => {
    progress.end();
    if ("scoring" in event) {
      print(describeRun(event.scoring, request, { browser, model: name }));
      problems = printScoring(event.scoring, texts.length > 0);
    } else if ("prompts" in event) {
      print([`${event.prompts.length} stories, written at once:`, ""]);
      board = new StoryBoard(event.prompts);
    } else board?.add(event.written);
  };
  const { result, browser } = await runInPage<StartRequest, StartReport, StartEvent>({
    module: "page-start",
    request,
    folders,
    onProgress: (words, part) => progress.show(describePhase(words, name, request.texts.length), part),
    onEvent,
  }).finally(() => {
    progress.end();
    board?.end();
  });

  const { trace, info } = result;
  await writeInto(timeline, renderTimeline(trace, { title: titleTimeline(name, info.adapter) }));
  if (problems.length > 0) throw new Error(`the trace breaks its plan:\n${problems.slice(0, 5).join("\n")}`);
  print(describeWriting(result.stories));
  if (json === undefined) return;
  const chromeTrace = json.replace(/(\.json)?$/, ".chrome-trace.json");
  await writeInto(chromeTrace, toChromeTrace(trace));
  const metrics = measureTrace(trace);
  const everything = { browser, model: name, request, ...result, metrics, problems, timeline, chromeTrace };
  await writeInto(json, `${JSON.stringify(everything)}\n`);
  print([line("json", shorten(json)), line("", `${shorten(chromeTrace)} (opens in ui.perfetto.dev)`)]);
}

/** Prints the results of scoring. Returns how the trace breaks the plan, which is a defect. */
function printScoring(report: ScoringReport, isWhole: boolean): readonly string[] {
  print(renderTable(report.sentences, isWhole));
  const problems = validateTrace(report.trace);
  if (problems.length === 0)
    print([...describeFigures(report, measureTrace(report.trace)), line("timeline", shorten(timeline))]);
  return problems;
}

async function readPrompts(): Promise<string[]> {
  const file = await readFile(join(distFolder, embedded, "stories.json"), "utf8");
  return (JSON.parse(file) as { prompt: string }[]).map(({ prompt }) => prompt);
}

function describePhase(phase: string, model: string, sentences: number): string {
  const words: Record<string, string> = {
    loading: `Loading ${model}`,
    scoring: `Scoring ${count(sentences, "sentence")}`,
    measuring: "Measuring a forward pass",
    recording: "Recording its schedule",
  };
  return words[phase] ?? phase;
}

await runCommand("start", async () => {
  const options = parseStartOptions(process.argv.slice(2));
  if (options.help) process.stdout.write(`${helpText}\n`);
  else await start(options);
});
