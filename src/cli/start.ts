// `npm start`: scores a batch of ragged sentences in a headless browser, prints what came out and draws the schedule.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { count, titleTimeline } from "../demo/words.js";
import { measureTrace, renderTimeline, toChromeTrace, validateTrace } from "../index.js";
import type { StartReport, StartRequest } from "./page-job.js";
import { describeFigures, describeRun, line, renderTable } from "./print-report.js";
import { Progress } from "./progress.js";
import { distFolder, runInPage } from "./run-in-page.js";
import { helpText, OptionError, parseStartOptions, type StartOptions } from "./start-options.js";

const embedded = "tinystories-gpt2";

async function start(options: StartOptions): Promise<void> {
  const { texts, model, json, ...choices } = options;
  const request: StartRequest = {
    ...choices,
    model: model === undefined ? `/${embedded}/` : "/model/",
    texts: texts.length > 0 ? texts : await readPrompts(),
  };
  const name = model === undefined ? embedded : basename(model);
  const progress = new Progress();
  const { result, browser } = await runInPage<StartRequest, StartReport>({
    module: "page-job",
    request,
    ...(model === undefined ? {} : { folders: { "/model/": model } }),
    onProgress: (words, part) => progress.show(describeStage(words, name, request.texts.length), part),
  }).finally(() => progress.end());

  const { trace } = result;
  const metrics = measureTrace(trace);
  const timeline = join(dirname(distFolder), "out", "timeline.svg");
  await writeInto(timeline, renderTimeline(trace, { title: titleTimeline(name, result.info.adapter) }));
  print(describeRun(result, request, { browser, model: name }));
  print(renderTable(result.sentences, texts.length > 0));
  const problems = validateTrace(trace);
  if (problems.length > 0) throw new Error(`the trace breaks its plan:\n${problems.slice(0, 5).join("\n")}`);
  print([...describeFigures(result, metrics), line("timeline", shorten(timeline))]);
  if (json === undefined) return;
  const chromeTrace = json.replace(/(\.json)?$/, ".chrome-trace.json");
  await writeInto(chromeTrace, toChromeTrace(trace));
  const everything = { browser, model: name, request, ...result, metrics, problems, timeline, chromeTrace };
  await writeInto(json, `${JSON.stringify(everything)}\n`);
  print([line("json", shorten(json)), line("", `${shorten(chromeTrace)} (opens in ui.perfetto.dev)`)]);
}

async function readPrompts(): Promise<string[]> {
  const stories = await readFile(join(distFolder, embedded, "stories.json"), "utf8");
  return (JSON.parse(stories) as { prompt: string }[]).map(({ prompt }) => prompt);
}

function describeStage(stage: string, model: string, sentences: number): string {
  const words: Record<string, string> = {
    loading: `Loading ${model}`,
    scoring: `Scoring ${count(sentences, "sentence")}`,
    measuring: "Measuring a forward pass",
    recording: "Recording its schedule",
  };
  return words[stage] ?? stage;
}

async function writeInto(file: string, content: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

function shorten(file: string): string {
  const short = relative(process.cwd(), file);
  return short.startsWith("..") ? file : short;
}

function print(lines: readonly string[]): void {
  process.stdout.write(`\n${lines.join("\n")}\n`);
}

try {
  const options = parseStartOptions(process.argv.slice(2));
  if (options.help) process.stdout.write(`${helpText}\n`);
  else await start(options);
} catch (error) {
  const isOption = error instanceof OptionError;
  const advice = isOption ? " (npm start -- --help lists the options)" : "";
  process.stderr.write(`weft: ${(error as Error).message}${advice}\n`);
  process.exitCode = isOption ? 2 : 1;
}
