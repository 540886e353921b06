// `npx weft-webgpu score`: how likely texts are to a model.
import { endOfText, thousands } from "../../jobs/words.js";
import { describeStep, print, runCommand, shorten, writeInto } from "../terminal/command.js";
import {
  chooseModel,
  chooseRuntime,
  expectTokenizer,
  modelHelp,
  modelOptions,
  placeModel,
} from "../terminal/model-choice.js";
import {
  checkWhole,
  flag,
  fromCaller,
  OptionError,
  readOptions,
  runtimeHelp,
  usage,
  word,
} from "../terminal/option-values.js";
import type { ScoreReport, ScoreRequest } from "./page.js";
import { describeModel, line } from "../terminal/print-report.js";
import { Progress } from "../terminal/progress.js";
import { runModule } from "../browser/run-module.js";
import { readLines, readTextFile } from "../terminal/text-files.js";
import { alignColumns } from "../terminal/table.js";

const helpText = `Says how likely texts are to a language model, on WebGPU: all of them in one ragged batch.

Usage: ${usage("score")} "A text." "Another one." [options]

  --texts FILE            also score every line of this file that is not empty; of a .jsonl file strings, or objects with
                          "text", "story" or "prompt"
${modelHelp}
  --queues N              GPU queues, 1 to 8 (default 1)
${runtimeHelp}
  --json FILE             also write everything as JSON, token by token
  --help                  print this`;

const known = {
  help: flag,
  texts: word,
  ...modelOptions,
  queues: word,
  runtime: word,
  json: word,
} as const;

async function score(): Promise<void> {
  const { values, positionals } = readOptions(process.argv.slice(2), known, true);
  if (values.help) {
    process.stdout.write(`${helpText}\n`);
    return;
  }
  const model = expectTokenizer(chooseModel(values));
  const runtime = chooseRuntime(values.runtime, model);
  const { name, address, folders, hub } = placeModel(model, runtime);
  const file = values.texts === undefined ? undefined : fromCaller(values.texts);
  const lines = file === undefined ? [] : readLines(await readTextFile(file), file);
  const texts = [...positionals, ...lines];
  const empty = texts.indexOf("");
  if (empty >= 0) {
    const place = empty < positionals.length ? `text ${empty + 1}` : `a text of ${file}`;
    throw new OptionError(`${place} is empty: there is nothing in it to score`);
  }
  if (texts.length === 0)
    throw new OptionError(`expected a text to score, as in: ${usage("score")} "The cat sat."`);
  const request: ScoreRequest = {
    model: address,
    ...(hub ? { hub } : {}),
    queues: checkWhole("--queues", values.queues, { least: 1, most: 8 }) ?? 1,
    texts,
  };
  const progress = new Progress();
  const { result, browser } = await runModule<ScoreRequest, ScoreReport>(runtime, {
    module: "page-score",
    request,
    folders,
    onProgress: (words, part) => progress.show(describeStep(words, name, "Scoring"), part),
  }).finally(() => progress.end());
  const tokens = result.texts.reduce((sum, own) => sum + own.tokens.length, 0);
  const total = result.texts.reduce((sum, own) => sum + own.sum, 0);
  print([
    ...describeModel(result.info, { browser, model: name }),
    "",
    ...alignColumns(
      [
        ["tokens", "perplexity", "nats per token", "text"],
        ...result.texts.map((own) => [
          String(own.tokens.length),
          own.perplexity.toFixed(1),
          (-own.sum / own.tokens.length).toFixed(3),
          endOfText(own.text, 60),
        ]),
      ],
      3,
    ),
    "",
    line("together", `${thousands(tokens)} tokens, ${(-total / tokens).toFixed(3)} nats per token`),
  ]);
  if (values.json === undefined) return;
  const json = fromCaller(values.json);
  await writeInto(json, `${JSON.stringify({ browser, model: name, ...result })}\n`);
  print([line("json", shorten(json))]);
}

await runCommand("score", score);
