// The tools of a request: the functions that a model may call, or has to.
import type { AskOptions } from "../../answer/ask.js";
import type { ToolDefinition } from "../../answer/conversation.js";
import { badField } from "../http/failure.js";
import type { Fields } from "./fields.js";

export interface ToolFields extends Pick<AskOptions, "mostCalls" | "strict"> {
  /** Left out where there are none, or none may be called. */
  readonly tools?: readonly ToolDefinition[];
  /** Left out where it is the model's choice. */
  readonly toolChoice?: Exclude<AskOptions["toolChoice"], "auto" | undefined>;
}

export const toolFields: readonly string[] = ["tools", "tool_choice", "parallel_tool_calls"];

/** `isFlat`: with the function's fields beside its type, as in /v1/responses. @throws ApiFailure. */
export function readTools(fields: Fields, isFlat: boolean): ToolFields {
  const read = (fields.records("tools") ?? []).map((tool) => readTool(tool, isFlat));
  const choice = readChoice(fields, isFlat);
  const isParallel = fields.flag("parallel_tool_calls") ?? true;
  const names = read.map(({ definition }) => definition.function.name);
  const missing = choice.names?.find((name) => !names.includes(name));
  if (missing !== undefined)
    throw fields.wrong("tool_choice", `functions that are in tools, as '${missing}' is not`);
  if (choice.mode === "none") return {};
  if (read.length === 0) {
    if (choice.mode === "auto") return {};
    throw fields.unsupported("tool_choice", "it chooses among tools: pass them beside it.");
  }
  // A model that has to call one function may know of the others; of those that it may not call, it need not.
  const given =
    choice.mode === "named" ? read : read.filter((_, index) => choice.names?.includes(names[index]!) ?? true);
  return {
    tools: given.map(({ definition }) => definition),
    strict: new Map(
      given.flatMap(({ definition, strict }) =>
        strict === undefined ? [] : [[definition.function.name, strict] as const],
      ),
    ),
    ...(isParallel ? {} : { mostCalls: 1 }),
    ...(choice.mode === "auto"
      ? {}
      : { toolChoice: choice.mode === "named" ? { name: choice.names[0] } : choice.mode }),
  };
}

/** What tool_choice says: which functions may be called, and whether they have to be. */
type Choice =
  | { readonly mode: "none" | "auto" | "required"; readonly names?: readonly string[] }
  | { readonly mode: "named"; readonly names: readonly [string] };

const modes = ["none", "auto", "required"] as const;

function readChoice(fields: Fields, isFlat: boolean): Choice {
  const value = fields.value("tool_choice");
  if (typeof value !== "object") {
    const mode = modes.find((own) => own === (value ?? "auto"));
    if (mode !== undefined) return { mode };
    const known = modes.map((own) => `'${own}'`).join(", ");
    throw fields.wrong("tool_choice", `one of ${known}, or an object with a type`);
  }
  const choice = fields.record("tool_choice")!;
  const type = choice.neededText("type");
  if (type === "function") return { mode: "named", names: [readName(choice, isFlat)] };
  if (type !== "allowed_tools")
    throw choice.wrong("type", "'function' or 'allowed_tools', as weft's tools are functions");
  const allowed = isFlat ? choice : choice.record("allowed_tools");
  const mode = allowed?.choice("mode", ["auto", "required"] as const);
  const tools = allowed?.records("tools");
  if (!allowed || mode === undefined || !tools?.length)
    throw choice.wrong("allowed_tools", "a mode of 'auto' or 'required', and tools");
  return { mode, names: tools.map((tool) => readName(tool, isFlat)) };
}

/** The function of a tool. */
function functionOf(tool: Fields, isFlat: boolean): Fields {
  const own = isFlat ? tool : tool.record("function");
  if (!own) throw tool.wrong("function", "an object with a name");
  return own;
}

const readName = (tool: Fields, isFlat: boolean): string => functionOf(tool, isFlat).neededText("name");

function readTool(
  tool: Fields,
  isFlat: boolean,
): { readonly definition: ToolDefinition; readonly strict: boolean | undefined } {
  const type = tool.neededText("type");
  if (type !== "function")
    throw badField(
      tool.pathOf("type"),
      `${tool.pathOf("type")}: weft has tools of the type 'function' only, not '${type}'.`,
      "unsupported_tool",
    );
  const own = functionOf(tool, isFlat);
  const name = own.neededText("name");
  if (!/^[\w.-]{1,64}$/.test(name)) throw own.wrong("name", "up to 64 letters, digits, '_', '.' and '-'");
  const description = own.text("description");
  const parameters = own.plain("parameters");
  const definition: ToolDefinition = {
    type: "function",
    function: {
      name,
      ...(description === undefined ? {} : { description }),
      // Templates write this out, and some expect it.
      parameters: parameters ?? { type: "object", properties: {} },
    },
  };
  return { definition, strict: own.flag("strict") };
}
