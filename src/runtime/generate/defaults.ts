// Reads from a model's generation_config.json how its tokens are chosen.
import { ArgumentError, FormatError } from "../../errors.js";
import type { ModelConfig } from "../../families/model-config.js";
import { checkWhole } from "../../util/check.js";
import { showJson } from "../../util/json-value.js";
import { checkSampling, type SamplingOptions } from "./sampling.js";

export interface GenerationDefaults {
  readonly sampling: SamplingOptions;
  readonly stopTokens: ReadonlySet<number>;
  /** Undefined: as many as the context allows. */
  readonly maxTokens: number | undefined;
  /** The most tokens including the prompt, if `maxTokens` is undefined. One token is generated in any case. */
  readonly maxLength: number | undefined;
}

/** For each option, the key of the file that has its default. */
const keys = {
  temperature: "temperature",
  topK: "top_k",
  topP: "top_p",
  minP: "min_p",
  repetitionPenalty: "repetition_penalty",
} as const satisfies Partial<Record<keyof SamplingOptions, string>>;

/** Reads a parsed generation_config.json. `file` is undefined if the model has none. Throws FormatError. */
export function readGenerationDefaults(file: unknown, config: ModelConfig): GenerationDefaults {
  if (file !== undefined && (typeof file !== "object" || file === null || Array.isArray(file)))
    throw unusable("expected a JSON object", file);
  const values = (file ?? {}) as Record<string, unknown>;
  const number = (key: string): number | undefined => {
    const value = values[key] ?? undefined;
    if (value === undefined || typeof value === "number") return value;
    throw unusable(`${key}: expected a number`, value);
  };
  const given = Object.entries(keys).flatMap(([option, key]) => {
    const value = number(key);
    return value === undefined ? [] : [[option, value] as const];
  });
  const sampling: SamplingOptions = {
    ...Object.fromEntries(given),
    // Hugging Face samples only if do_sample is set.
    ...(values["do_sample"] === true ? {} : { temperature: 0 }),
  };
  const maxTokens = number("max_new_tokens");
  const maxLength = number("max_length");
  try {
    checkSampling(sampling, {}, config.vocabularySize);
    const range = { least: 1 };
    checkWhole("max_new_tokens", maxTokens, 1, range);
    checkWhole("max_length", maxLength, 1, range);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    const key = (keys as Record<string, string>)[error.argument] ?? error.argument;
    throw unusable(`${key}: expected ${error.expected}`, values[key]);
  }
  const stops = [values["eos_token_id"] ?? config.endTokens].flat();
  const ids = stops.filter((id): id is number => typeof id === "number" && id < config.vocabularySize);
  return { sampling, stopTokens: new Set(ids), maxTokens, maxLength };
}

function unusable(expectation: string, received: unknown): FormatError {
  return new FormatError({
    file: "generation_config.json",
    problem: `${expectation}, received ${showJson(received)}`,
    remedy: "Correct the file or delete it: weft has defaults of its own.",
  });
}
