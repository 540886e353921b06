// `npm run generate`: continues a text, in a headless browser or in Node, and prints it as it is written.
import { count as tokens, endOfText } from "../../jobs/words.js";
import type { WriteEvent } from "../../jobs/write.js";
import type { FinishReason } from "../../index.js";
import { describeStep, print, runCommand, shorten, writeInto } from "../terminal/command.js";
import { placeModel } from "../terminal/model-choice.js";
import { helpText, missingPrompt, parseGenerateOptions, type GenerateCommand } from "./options.js";
import type { GenerateReport, GenerateRequest } from "./page.js";
import { describeModel, describeWriting, line } from "../terminal/print-report.js";
import { printable } from "../terminal/printable.js";
import { Progress } from "../terminal/progress.js";
import { readInput } from "../terminal/standard-input.js";
import { exitStatus } from "../browser/ending-signals.js";
import { runModule } from "../browser/run-module.js";
import { StoryBoard, wholeTexts } from "../terminal/story-board.js";

/** Why a text ended, in words. */
const endings: Readonly<Record<FinishReason, string>> = {
  stop: "stop (the model's end token, or --stop)",
  length: "length (--max-tokens, or the model's context)",
  abort: "abort (Ctrl-C)",
};

async function generate(command: GenerateCommand): Promise<void> {
  const { model, count, queues, cache, options, runtime, json } = command;
  const prompt = command.prompt ?? (await readPrompt());
  const { name, address, folders, hub } = placeModel(model, runtime);
  const prompts = Array.from({ length: count }, () => prompt);
  const request = { model: address, queues, cache, prompts, options };
  // A file or a program gets the text alone.
  const isAlone = !process.stdout.isTTY;
  const aside = isAlone ? process.stderr : process.stdout;
  const progress = new Progress(aside);
  let isInterrupted = false;
  let show: ((event: WriteEvent) => void) | undefined;
  let board: StoryBoard | undefined;
  const begin = (): ((event: WriteEvent) => void) => {
    progress.end();
    aside.write("\n");
    if (count > 1) {
      const shown = new StoryBoard(prompts, aside);
      board = shown;
      return (event) => shown.add(event);
    }
    process.stdout.write(printable(prompt));
    return (event) => {
      if ("piece" in event) process.stdout.write(printable(event.piece));
    };
  };
  try {
    const { result, browser } = await runModule<GenerateRequest, GenerateReport, WriteEvent>(runtime, {
      module: "page-generate",
      request: { ...request, ...(hub ? { hub } : {}) },
      folders,
      onProgress: (words, part) => progress.show(describeStep(words, name), part),
      onEvent(event) {
        show ??= begin();
        show(event);
      },
      onInterrupt(signal) {
        isInterrupted = true;
        process.exitCode = exitStatus(signal);
      },
    }).finally(() => {
      progress.end();
      board?.end();
    });
    if (count > 1) process.stdout.write(`${isAlone ? "" : "\n"}${wholeTexts(result.texts).join("\n")}\n`);
    else process.stdout.write("\n");
    const ends = [...new Set(result.texts.map(({ finishReason }) => endings[finishReason]))];
    const seeds = count > 1 ? `${options.seed} to ${options.seed + count - 1}` : String(options.seed);
    const tell = (lines: readonly string[]): void => print(lines, aside);
    tell([
      ...describeModel(result.info, { browser, model: name }),
      line(
        "prompt",
        `${tokens(result.texts[0]!.promptTokens, "token")}: ${JSON.stringify(endOfText(prompt, 60))}`,
      ),
      line("seed", seeds),
      line("ended by", ends.join(", ")),
      ...describeWriting(result),
    ]);
    if (json === undefined) return;
    await writeInto(json, `${JSON.stringify({ browser, model: name, request, ...result })}\n`);
    tell([line("json", shorten(json))]);
  } catch (error) {
    // An interrupted load is no error: there is nothing to print yet.
    if (!isInterrupted) throw error;
  }
}

/** The text that is piped in, without the end of its last line. @throws OptionError. */
async function readPrompt(): Promise<string> {
  const text = (await readInput()).replace(/\r?\n$/, "");
  if (text === "") throw missingPrompt();
  return text;
}

await runCommand("generate", async () => {
  const command = parseGenerateOptions(process.argv.slice(2), !process.stdin.isTTY);
  if (command.help) process.stdout.write(`${helpText}\n`);
  else await generate(command);
});
