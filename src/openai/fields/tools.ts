// The tools of a request: the functions that a model may call.
import type { ToolDefinition } from "../../answer/conversation.js";
import { badField } from "../http/failure.js";
import type { Fields } from "./fields.js";

export interface ToolChoice {
  /** Left out where there are none, or none may be called. */
  readonly tools?: readonly ToolDefinition[];
  /** How many calls an answer may have. Default: any number. */
  readonly mostCalls?: number;
}

export const toolFields: readonly string[] = ["tools", "tool_choice", "parallel_tool_calls"];

const unconstrained = "weft can't hold a model to it yet; 'auto' leaves it to the model.";

/** `isFlat`: with the function's fields beside its type, as in /v1/responses. @throws ApiFailure. */
export function readTools(fields: Fields, isFlat: boolean): ToolChoice {
  const tools = (fields.records("tools") ?? []).map((tool) => readTool(tool, isFlat));
  const choice = fields.value("tool_choice");
  if (choice !== undefined && choice !== "auto" && choice !== "none") {
    const path = fields.pathOf("tool_choice");
    if (choice === "required" || typeof choice === "object")
      throw badField(path, `${path}: ${unconstrained}`, "unsupported_parameter");
    throw fields.wrong("tool_choice", "'auto' or 'none'");
  }
  const isParallel = fields.flag("parallel_tool_calls") ?? true;
  if (tools.length === 0 || choice === "none") return {};
  return { tools, ...(isParallel ? {} : { mostCalls: 1 }) };
}

function readTool(tool: Fields, isFlat: boolean): ToolDefinition {
  const type = tool.neededText("type");
  if (type !== "function")
    throw badField(
      tool.pathOf("type"),
      `${tool.pathOf("type")}: weft has tools of the type 'function' only, not '${type}'.`,
      "unsupported_tool",
    );
  const own = isFlat ? tool : tool.record("function");
  if (!own) throw tool.wrong("function", "an object with a name");
  const name = own.neededText("name");
  if (!/^[\w.-]{1,64}$/.test(name)) throw own.wrong("name", "up to 64 letters, digits, '_', '.' and '-'");
  if (own.flag("strict")) throw own.unsupported("strict", unconstrained);
  const description = own.text("description");
  const parameters = own.plain("parameters");
  return {
    type: "function",
    function: {
      name,
      ...(description === undefined ? {} : { description }),
      // Templates write this out, and some expect it.
      parameters: parameters ?? { type: "object", properties: {} },
    },
  };
}
