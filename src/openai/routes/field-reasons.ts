// Fields that several routes take in the same way.
import type { Refusal } from "../fields/fields.js";
import { isRecord } from "../../util/json-value.js";

/** What clients say of themselves, and where and for how long OpenAI should keep what. None of it changes an answer. */
export const harmless: readonly string[] = [
  "user",
  "metadata",
  "store",
  "service_tier",
  "safety_identifier",
  "prompt_cache_key",
  "prompt_cache_retention",
];

/** The form of answers, of which text is the only one. */
export const unconstrained: Refusal = {
  because: "weft can't hold a model to JSON or to a schema yet; the only type is 'text'.",
  unless: (value) => isRecord(value) && value["type"] === "text",
};
