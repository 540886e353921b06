// Fields that several routes take in the same way.
import type { Fields } from "../fields/fields.js";

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

/** Variables of the chat template, but for those that are fields of their own. @throws ApiFailure. */
export function readVariables(fields: Fields): Readonly<Record<string, unknown>> | undefined {
  const own = fields.record("chat_template_kwargs");
  for (const name of ["messages", "tools"])
    if (own?.has(name)) throw own.unsupported(name, "it is a field of its own.");
  return fields.plain("chat_template_kwargs");
}
