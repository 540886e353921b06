// Which form of calls a model writes, by its chat template or by the name that the caller gives.
import type { CallForm } from "./call-form.js";
import { code } from "./code.js";
import { list } from "./list.js";
import { object } from "./object.js";
import { tags } from "./tags.js";

/**
 * How a model writes calls: "tags" is <tool_call>{…}</tool_call>, of Hermes, Qwen and SmolLM; "object" is a JSON object with name and
 * parameters, of Meta's models; "list" is [TOOL_CALLS][…], of Mistral; "code" is a block of tool_code or JSON, of Gemma.
 */
export type ToolFormat = "tags" | "object" | "list" | "code";

export const toolFormats: readonly ToolFormat[] = ["tags", "object", "list", "code"];

const forms: Readonly<Record<ToolFormat, CallForm>> = { tags, object, list, code };

export const formNamed = (format: ToolFormat): CallForm => forms[format];

/** The form of calls that a chat template asks for; undefined if it asks for none that is known. */
export function findToolFormat(template: string | undefined): ToolFormat | undefined {
  if (template === undefined) return undefined;
  if (template.includes("<tool_call>")) return "tags";
  if (template.includes("[TOOL_CALLS]")) return "list";
  if (/<\|python_tag\|>|"parameters": dictionary of argument name/.test(template)) return "object";
  if (template.includes("<start_of_turn>")) return "code";
  return undefined;
}
