// The fields that say how tokens are chosen and where an answer ends, as the options of weft that they are.
import type { GenerateOptions } from "../../index.js";
import { isRecord } from "../../util/json-value.js";
import type { Fields } from "./fields.js";

/** Of all routes that write text. The last ones are not OpenAI's own, but of other servers. */
export const samplingFields: readonly string[] = [
  "temperature",
  "top_p",
  "top_k",
  "min_p",
  "repetition_penalty",
  "min_tokens",
  "finish_in_budget",
];

/** Of chats and completions, beside those. */
export const choiceFields: readonly string[] = [
  "n",
  "stop",
  "seed",
  "logit_bias",
  "frequency_penalty",
  "presence_penalty",
];

export type Sampling = Omit<GenerateOptions, "signal" | "tools" | "templateVariables">;

/** @throws ApiFailure. */
export function readSampling(fields: Fields): Sampling {
  const topK = fields.whole("top_k", { least: -1 });
  return given({
    temperature: fields.real("temperature", { least: 0, most: 2 }),
    topP: fields.real("top_p", { least: 0, most: 1, isAbove: true }),
    // Other servers write "all" as -1.
    topK: topK === -1 ? 0 : topK,
    minP: fields.real("min_p", { least: 0, most: 1 }),
    repetitionPenalty: fields.real("repetition_penalty", { least: 0.01, most: 100 }),
    minTokens: fields.whole("min_tokens", { least: 0 }),
    finishInBudget: fields.flag("finish_in_budget"),
  });
}

/** @throws ApiFailure. */
export function readChoiceOptions(fields: Fields): Sampling {
  return given({
    stop: readStop(fields),
    seed: fields.whole("seed", { least: 0 }),
    logitBias: readBias(fields),
    frequencyPenalty: fields.real("frequency_penalty", { least: -2, most: 2 }),
    presencePenalty: fields.real("presence_penalty", { least: -2, most: 2 }),
  });
}

/** The options of one of `n` answers: each has a seed of its own, counted on from the one that was given. */
export function optionsOfChoice(options: Sampling, choice: number): Sampling {
  return options.seed === undefined ? options : { ...options, seed: options.seed + choice };
}

/** All of them are looked for with every token. OpenAI takes 4. */
const MOST_STOPS = 64;

const isStop = (text: unknown): text is string => typeof text === "string" && text !== "";

/** An empty list ends nothing; then the model's own settings hold. */
function readStop(fields: Fields): readonly string[] | undefined {
  const stop = fields.value("stop");
  if (stop === undefined) return undefined;
  const texts: unknown[] = [stop].flat();
  if (texts.length > MOST_STOPS || !texts.every(isStop))
    throw fields.wrong("stop", `a string that is not empty, or an array of at most ${MOST_STOPS} of them`);
  return texts.length === 0 ? undefined : texts;
}

const isBias = (value: unknown): boolean => typeof value === "number" && Math.abs(value) <= 100;

function readBias(fields: Fields): Readonly<Record<number, number>> | undefined {
  const bias = fields.value("logit_bias");
  if (bias === undefined) return undefined;
  if (isRecord(bias) && Object.entries(bias).every(([key, own]) => /^\d+$/.test(key) && isBias(own)))
    return bias as Readonly<Record<number, number>>;
  throw fields.wrong("logit_bias", "an object from token ids to numbers from -100 to 100");
}

function given<O extends object>(options: { readonly [K in keyof O]: O[K] | undefined }): O {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as O;
}
