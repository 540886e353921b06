// The options of `npm start`: what may be written after "--", and what each becomes.
import type { Fence, Placement } from "../../index.js";
import {
  checkChoice,
  checkWhole,
  flag,
  fromCaller,
  OptionError,
  readOptions,
  word,
  words,
} from "../terminal/option-values.js";
import { choosePath } from "../terminal/model-choice.js";

export interface StartOptions {
  readonly help: boolean;
  /** Empty for the embedded prompts. */
  readonly texts: readonly string[];
  /** A model's folder or GGUF file; undefined for the embedded one. */
  readonly model: string | undefined;
  readonly queues: number;
  readonly sliceTokens: number;
  readonly fence: Fence;
  readonly placement: Placement;
  /** The file for all results, as JSON. */
  readonly json: string | undefined;
}

export const helpText = `Scores sentences with a language model on WebGPU, in a headless browser, draws the schedule, and then writes 16 stories at once.

Usage: npm start -- [options]

  --text "…"              score this sentence instead of the 64 embedded prompts, and continue it; may be repeated
  --model PATH            a folder in Hugging Face layout, or a .gguf file, instead of the embedded model
  --queues N              GPU queues, 1 to 8 (default 2)
  --slice K               k: tokens per slice, 1 to the model's context (default 16)
  --fence NAME            sentence: attention waits for the whole sentence (default); prefix: for its own prefix
  --placement NAME        affine: a sentence stays on one queue (default); spread: its slices go over all queues
  --json FILE             also write everything as JSON, and a Chrome trace beside it
  --help                  print this

Writes out/timeline.svg. WEFT_CHROMIUM names the browser, WEFT_BROWSER_FLAGS gives it more flags.`;

/** @throws OptionError. */
export function parseStartOptions(args: readonly string[]): StartOptions {
  const { values } = readOptions(args, known);
  return {
    help: values.help ?? false,
    texts: checkTexts(values.text ?? []),
    model: choosePath(values.model),
    queues: checkWhole("--queues", values.queues, { least: 1, most: 8 }) ?? 2,
    sliceTokens: checkWhole("--slice", values.slice, { least: 1 }) ?? 16,
    fence: checkChoice("--fence", values.fence, ["sentence", "prefix"]),
    placement: checkChoice("--placement", values.placement, ["affine", "spread"]),
    json: values.json === undefined ? undefined : fromCaller(values.json),
  };
}

const known = {
  help: flag,
  text: words,
  model: word,
  queues: word,
  slice: word,
  fence: word,
  placement: word,
  json: word,
} as const;

function checkTexts(texts: readonly string[]): readonly string[] {
  if (texts.some((text) => text.trim() === ""))
    throw new OptionError("--text: expected a sentence, received an empty one");
  return texts;
}
