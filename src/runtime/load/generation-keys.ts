// The keys of generation_config.json that weft knows. What they mean for generation says runtime/generate/defaults.ts.
import { isRecord } from "../../util/json-value.js";

/** For each option of generation, the key of the file that has its default. */
export const optionKeys = {
  temperature: "temperature",
  topK: "top_k",
  topP: "top_p",
  minP: "min_p",
  repetitionPenalty: "repetition_penalty",
  noRepeatSize: "no_repeat_ngram_size",
  minTokens: "min_new_tokens",
} as const;

/** Other keys that are read. */
const read = [
  "do_sample",
  "max_new_tokens",
  "max_length",
  "eos_token_id",
  "stop_strings",
  "suppress_tokens",
  "bad_words_ids",
];

/** Keys that change nothing in what weft computes: how other software stores, caches or pads, and what wrote the file. */
const without = [
  "bos_token_id",
  "pad_token_id",
  "decoder_start_token_id",
  "use_cache",
  "cache_implementation",
  "cache_config",
  "transformers_version",
  "_from_model_config",
  "trust_remote_code",
];

/** The keys of a parsed generation_config.json that would change what is generated, and are not used. */
export function unusedGenerationKeys(file: unknown): readonly string[] {
  if (!isRecord(file)) return [];
  const known = new Set<string>([...Object.values(optionKeys), ...read, ...without]);
  return Object.keys(file).filter((key) => !known.has(key) && !hasNoEffect(file[key]));
}

/** Many files spell out what is off anyway. */
const hasNoEffect = (value: unknown): boolean =>
  value === null || value === undefined || value === false || value === 1 || value === 0;
