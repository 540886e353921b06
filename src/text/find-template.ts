// Finds a model's chat template among the files of its folder.
import { isRecord } from "../util/json-value.js";

/** Parsed files of a model's folder that say how conversations are written. */
export interface ChatFiles {
  /** tokenizer_config.json. */
  readonly tokenizerConfig: unknown;
  /** The text of chat_template.jinja, which is used instead of the other file's template. */
  readonly chatTemplate?: string | undefined;
}

/** The template, or of several the one named "default", or with tools the one for them. Undefined if there is none. */
export function findTemplate(
  { tokenizerConfig, chatTemplate }: ChatFiles,
  hasTools: boolean,
): string | undefined {
  if (chatTemplate !== undefined) return chatTemplate;
  const given = isRecord(tokenizerConfig) ? tokenizerConfig["chat_template"] : undefined;
  if (typeof given === "string") return given;
  if (!Array.isArray(given)) return undefined;
  const textOf = (name: string): string | undefined => {
    const template: unknown = given.filter(isRecord).find((entry) => entry["name"] === name)?.["template"];
    return typeof template === "string" ? template : undefined;
  };
  return (hasTools ? textOf("tool_use") : undefined) ?? textOf("default");
}
