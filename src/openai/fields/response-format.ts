// What an answer must be like: response_format of chats and completions, text.format of responses.
import type { ResponseFormat } from "../../index.js";
import type { Fields } from "./fields.js";
import type { ToolFields } from "./tools.js";

/** OpenAI's, and those that weft has beside them. */
const types = ["text", "json_object", "json_schema", "regex", "choice", "grammar"] as const;

/**
 * `name`: the field. In chats a schema is in an object of its own, in responses beside its type. What of a schema can't be held is
 * refused when the model is asked. Undefined for a text that is free.
 * @throws ApiFailure.
 */
export function readResponseFormat(fields: Fields, name: string): ResponseFormat | undefined {
  const format = fields.record(name);
  if (!format) return undefined;
  const type = format.choice("type", types);
  switch (type) {
    case undefined:
      throw format.wrong("type", `one of ${types.map((own) => `'${own}'`).join(", ")}`);
    case "text":
      return undefined;
    case "json_object":
      return { type };
    case "json_schema": {
      const own = format.record("json_schema") ?? format;
      const schema = own.plain("schema");
      if (!schema) throw own.wrong("schema", "a JSON schema that is an object");
      return { type, schema };
    }
    case "regex":
      return { type, pattern: format.neededText("pattern") };
    case "choice":
      return { type, choices: (format.list("choices") ?? []) as readonly string[] };
    case "grammar":
      return { type, grammar: format.neededText("grammar") };
    default:
      return type satisfies never;
  }
}

/**
 * The format of an answer that may call tools. A call has a form of its own, so that they exclude each other; where an answer has to be a
 * call, there is no text that a format could be for. @throws ApiFailure.
 */
export function formatBesideTools(
  fields: Fields,
  name: string,
  format: ResponseFormat | undefined,
  { tools, toolChoice }: ToolFields,
): ResponseFormat | undefined {
  if (!tools || !format) return format;
  if (toolChoice !== undefined) return undefined;
  throw fields.unsupported(
    name,
    "an answer that is held to a format calls no tools: pass tool_choice 'none', or 'required' for calls alone.",
  );
}
