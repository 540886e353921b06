// The report of `npm start` as lines of text: what ran where, a table of sentences, and the figures of the schedule.
import type { SentenceReport } from "../../jobs/score.js";
import { count, describeAdapter, endOfText, percent, thousands } from "../../jobs/words.js";
import type { WriteReport } from "../../jobs/write.js";
import type { ModelInfo, TraceMetrics } from "../../index.js";
import type { ScoringReport, StartRequest } from "../start/page.js";
import { alignColumns } from "./table.js";

/** A longer table shows only this many sentences. */
const shownSentences = 8;
const sentenceWidth = 42;
/** The columns that hold numbers: index, tokens and perplexity. */
const numberColumns = 3;

export interface RunNames {
  /** Its name and version. */
  readonly browser: string;
  readonly model: string;
}

export function describeRun({ info }: ScoringReport, request: StartRequest, names: RunNames): string[] {
  return [
    ...describeModel(info, names),
    line("slices", `k = ${request.sliceTokens} tokens, ${request.fence} fence`),
    line("queues", `${request.queues}, ${request.placement} placement`),
  ];
}

/** Which model runs on what. */
export function describeModel(info: ModelInfo, { browser, model }: RunNames): string[] {
  const { layers, channels, heads, vocabularySize } = info.config;
  const weights = `${(info.weightBytes / 1e6).toFixed(1)} MB of weights per queue`;
  const shape = `${layers} layers, C = ${channels}, ${heads} heads, V = ${vocabularySize}`;
  return [
    line("adapter", describeAdapter(info.adapter)),
    line("runtime", browser),
    line("model", `${model}: ${info.config.modelType}, ${shape}, ${weights}`),
  ];
}

/** A table of all sentences if `isWhole`; otherwise of some, from the shortest to the longest. */
export function renderTable(sentences: readonly SentenceReport[], isWhole: boolean): string[] {
  const shown = isWhole ? sentences : pick(sentences, shownSentences);
  const rows = shown.map((sentence) => [
    String(sentences.indexOf(sentence)),
    String(sentence.tokens),
    sentence.perplexity.toFixed(1),
    endOfText(sentence.text, sentenceWidth),
    sentence.next
      .map(({ text, probability }) => `${JSON.stringify(text)} ${percent(probability)}`)
      .join("  "),
  ]);
  const head = ["#", "tokens", "perplexity", "sentence", "likeliest next words"];
  const rest =
    shown.length < sentences.length ? [`${shown.length} of ${count(sentences.length, "sentence")}`] : [];
  return [...alignColumns([head, ...rows], numberColumns), ...rest];
}

export function describeFigures({ stats, trace }: ScoringReport, metrics: TraceMetrics): string[] {
  const stages = trace.submissions.flatMap((submission) => submission.stages);
  const tasks = stages.reduce((sum, stage) => sum + stage.tasks.length, 0);
  const seconds = stats.elapsedMs / 1000;
  return [
    line("speed", `${thousands(stats.tokens / seconds)} tokens per second`),
    line("", `(${count(stats.tokens, "token")} in ${seconds.toFixed(2)} s, after a run that warmed up)`),
    line("dispatches", `${stats.dispatches} in ${count(stats.submissions, "submission")}`),
    line("makespan", `${metrics.makespanMs.toFixed(0)} ms, of a run that was recorded`),
    line("efficiency", `${percent(metrics.efficiency, 1)}: the least any schedule takes, over the makespan`),
    line("bubbles", `${percent(metrics.bubbleFraction, 1)} of the queues' time was idle`),
    line(
      "overlap",
      `${metrics.overlapMs.toFixed(0)} ms of attention of one sentence beside slices of others`,
    ),
    line(
      "trace",
      `valid: ${count(tasks, "task")} in ${count(stages.length, "stage")}, each once, no fence broken`,
    ),
  ];
}

/** The figures of writing. */
export function describeWriting(report: WriteReport): string[] {
  const { texts, tokens, elapsedMs, firstTokenMs, atOnce, steps, computedRows, sharedRows } = report;
  const seconds = elapsedMs / 1000;
  const speed = seconds > 0 ? tokens / seconds : 0;
  const together = texts.length > 1 ? " together" : "";
  const shared =
    sharedRows > 0 ? `; ${thousands(sharedRows)} more had been computed for a prompt that begins alike` : "";
  return [
    line("speed", `${thousands(speed)} tokens per second${together}`),
    line("", `(${count(tokens, "token")} of ${count(texts.length, "text")} in ${seconds.toFixed(2)} s)`),
    line(
      "first token",
      `${thousands(firstTokenMs)} ms after the call${texts.length > 1 ? ", the median" : ""}`,
    ),
    line("at once", count(atOnce, "request")),
    line("steps", `${thousands(steps)}, of ${count(computedRows, "token")} together${shared}`),
  ];
}

export function line(name: string, words: string): string {
  return `${name.padEnd(12)}${words}`;
}

function pick(sentences: readonly SentenceReport[], amount: number): readonly SentenceReport[] {
  if (sentences.length <= amount) return sentences;
  const byLength = sentences.toSorted((a, b) => a.tokens - b.tokens);
  const step = (sentences.length - 1) / (amount - 1);
  return Array.from({ length: amount }, (_, index) => byLength[Math.round(index * step)]!);
}
