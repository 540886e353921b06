// Reads from a model's generation_config.json how its tokens are chosen.
import { ArgumentError, FormatError } from "../../errors.js";
import type { ModelConfig } from "../../families/model-config.js";
import { checkWhole } from "../../util/check.js";
import { showJson } from "../../util/json-value.js";
import { optionKeys } from "../load/generation-keys.js";
import { checkSampling, type SamplingOptions } from "./sampling.js";

export interface GenerationDefaults {
  readonly sampling: SamplingOptions;
  readonly stopTokens: ReadonlySet<number>;
  /** Texts that end generation. */
  readonly stops: readonly string[];
  /** Undefined: as many as the context allows. */
  readonly maxTokens: number | undefined;
  /** The most tokens including the prompt, if `maxTokens` is undefined. One token is generated in any case. */
  readonly maxLength: number | undefined;
}

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
  const given = Object.entries(optionKeys).flatMap(([option, key]) => {
    const value = number(key);
    return value === undefined ? [] : [[option, value] as const];
  });
  const sampling: SamplingOptions = {
    ...Object.fromEntries(given),
    ...bannedOf(values),
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
    const isBan = error.argument.startsWith("banned");
    const key = isBan
      ? "suppress_tokens and bad_words_ids"
      : ((optionKeys as Record<string, string>)[error.argument] ?? error.argument);
    throw unusable(`${key}: expected ${error.expected}`, values[key]);
  }
  // Either file may name tokens that the other lacks, and a text must not run on behind one of them.
  const ends = [values["eos_token_id"] ?? [], config.endTokens].flat(2);
  const ids = ends.filter((id): id is number => typeof id === "number" && id < config.vocabularySize);
  return { sampling, stopTokens: new Set(ids), stops: stopsOf(values["stop_strings"]), maxTokens, maxLength };
}

/** Single tokens and sequences that the file bans. */
function bannedOf(values: Readonly<Record<string, unknown>>): Pick<SamplingOptions, "banned"> {
  const list = (key: string): readonly unknown[] => {
    const value = values[key] ?? [];
    if (Array.isArray(value)) return value;
    throw unusable(`${key}: expected a list`, value);
  };
  const banned = [...list("suppress_tokens"), ...list("bad_words_ids")];
  return banned.length === 0 ? {} : { banned: banned as NonNullable<SamplingOptions["banned"]> };
}

function stopsOf(value: unknown): readonly string[] {
  const stops: unknown[] = [value ?? []].flat();
  if (stops.every((text): text is string => typeof text === "string" && text !== "")) return stops;
  throw unusable("stop_strings: expected a non-empty text or several", value);
}

function unusable(expectation: string, received: unknown): FormatError {
  return new FormatError({
    file: "generation_config.json",
    problem: `${expectation}, received ${showJson(received)}`,
    remedy: "Correct the file or delete it: weft has defaults of its own.",
  });
}
