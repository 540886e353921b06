// The options of `npm start`: what may be written after "--", and what each becomes.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Fence, Placement } from "../index.js";

export interface StartOptions {
  readonly help: boolean;
  /** Empty: the embedded prompts. */
  readonly texts: readonly string[];
  /** A model's folder; undefined for the embedded one. */
  readonly model: string | undefined;
  readonly queues: number;
  readonly sliceTokens: number;
  readonly fence: Fence;
  readonly placement: Placement;
  /** Where everything goes as JSON. */
  readonly json: string | undefined;
}

/** An option that cannot be used; `message` is one line. */
export class OptionError extends Error {
  override name = "OptionError";
}

export const helpText = `Scores sentences with a GPT-2 model on WebGPU, in a headless browser, and draws the schedule.

Usage: npm start -- [options]

  --text "…"              score this sentence instead of the 64 embedded prompts; may be repeated
  --model DIR             a GPT-2 folder in Hugging Face layout instead of the embedded model
  --queues N              GPU queues, 1 to 8 (default 2)
  --slice K               k: tokens per slice, 1 to the model's context (default 16)
  --fence NAME            sentence: attention waits for the whole sentence (default); prefix: for its own prefix
  --placement NAME        affine: a sentence stays on one queue (default); spread: its slices go over all queues
  --json FILE             also write everything as JSON, and a Chrome trace beside it
  --help                  print this

Writes out/timeline.svg. WEFT_CHROMIUM names the browser, WEFT_BROWSER_FLAGS gives it more flags.`;

/** @throws OptionError. */
export function parseStartOptions(args: readonly string[]): StartOptions {
  const values = readOptions(args);
  return {
    help: values.help ?? false,
    texts: checkTexts(values.text ?? []),
    model: values.model === undefined ? undefined : checkModel(fromCaller(values.model)),
    queues: checkWhole("--queues", values.queues, 2, 8),
    sliceTokens: checkWhole("--slice", values.slice, 16),
    fence: checkChoice("--fence", values.fence, ["sentence", "prefix"]),
    placement: checkChoice("--placement", values.placement, ["affine", "spread"]),
    json: values.json === undefined ? undefined : fromCaller(values.json),
  };
}

const word = { type: "string" } as const;

const known = {
  help: { type: "boolean" },
  text: { type: "string", multiple: true },
  model: word,
  queues: word,
  slice: word,
  fence: word,
  placement: word,
  json: word,
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof known }>>["values"];

function readOptions(args: readonly string[]): Values {
  try {
    return parseArgs({ args: [...args], options: known }).values;
  } catch (error) {
    // Node adds advice for programs with positional arguments, after the first sentence.
    throw new OptionError((error as Error).message.split(/\.\s|\.?$/m)[0]);
  }
}

/** npm changes to the project's folder; paths are meant from where the user was. */
function fromCaller(path: string): string {
  return resolve(process.env["INIT_CWD"] ?? ".", path);
}

function checkTexts(texts: readonly string[]): readonly string[] {
  if (texts.some((text) => text.trim() === ""))
    throw new OptionError("--text: expected a sentence, received an empty one");
  return texts;
}

function checkModel(folder: string): string {
  const isMissing = (file: string): boolean => !existsSync(join(folder, file));
  if (!existsSync(folder)) throw new OptionError(`--model: there is no folder ${folder}`);
  if (isMissing("config.json")) throw new OptionError(`--model: ${folder} has no config.json`);
  if (isMissing("model.safetensors") && isMissing("model.safetensors.index.json"))
    throw new OptionError(`--model: ${folder} has no model.safetensors, nor its index and shards`);
  if (isMissing("tokenizer.json"))
    throw new OptionError(`--model: ${folder} has no tokenizer.json, without which text has no tokens`);
  return folder;
}

function checkWhole(option: string, text: string | undefined, missing: number, most?: number): number {
  if (text === undefined) return missing;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= (most ?? Infinity)) return value;
  const range = most === undefined ? "of at least 1" : `from 1 to ${most}`;
  throw new OptionError(`${option}: expected a whole number ${range}, received "${text}"`);
}

function checkChoice<Choice extends string>(
  option: string,
  text: string | undefined,
  choices: readonly [Choice, ...Choice[]],
): Choice {
  const choice = text === undefined ? choices[0] : choices.find((candidate) => candidate === text);
  if (choice) return choice;
  throw new OptionError(`${option}: expected ${choices.join(" or ")}, received "${text}"`);
}
