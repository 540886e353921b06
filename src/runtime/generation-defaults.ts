// What a model's generation_config.json says about how its tokens are chosen.
import { FormatError } from "../errors.js";
import type { Gpt2Config } from "../weights/gpt2-config.js";
import type { SamplingOptions } from "./sampling-options.js";

export interface GenerationDefaults {
  readonly sampling: SamplingOptions;
  readonly stopTokens: ReadonlySet<number>;
  /** Undefined: as many as the context allows. */
  readonly maxTokens: number | undefined;
}

/** Reads a parsed generation_config.json; undefined where the model has none. Throws FormatError. */
export function readGenerationDefaults(file: unknown, config: Gpt2Config): GenerationDefaults {
  const values = (file ?? {}) as Record<string, unknown>;
  const number = (key: string): number | undefined => {
    const value = values[key] ?? undefined;
    if (value === undefined || typeof value === "number") return value;
    throw new FormatError({
      file: "generation_config.json",
      problem: `${key}: expected a number, received ${JSON.stringify(value)}`,
      remedy: "Correct the key or delete the file: weft has defaults of its own.",
    });
  };
  const optional = (key: string, name: keyof SamplingOptions): Record<string, number> => {
    const value = number(key);
    return value === undefined ? {} : { [name]: value };
  };
  const stops = [values["eos_token_id"] ?? config.endToken].flat();
  const ids = stops.filter((id): id is number => typeof id === "number" && id < config.vocabularySize);
  return {
    sampling: {
      // Hugging Face draws only when told to.
      ...(values["do_sample"] === true ? optional("temperature", "temperature") : { temperature: 0 }),
      ...optional("top_k", "topK"),
      ...optional("top_p", "topP"),
      ...optional("min_p", "minP"),
      ...optional("repetition_penalty", "repetitionPenalty"),
    },
    stopTokens: new Set(ids),
    maxTokens: number("max_new_tokens"),
  };
}
