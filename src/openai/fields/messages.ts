// The messages of a chat, as a chat template reads them.
import type { EarlierCall } from "../../answer/conversation.js";
import { readArguments } from "../../answer/conversation.js";
import type { ChatMessage } from "../../index.js";
import { badField } from "../http/failure.js";
import { Fields } from "./fields.js";

const roles = ["system", "developer", "user", "assistant", "tool"] as const;

/** @throws ApiFailure. */
export function readMessages(fields: Fields): ChatMessage[] {
  const messages = fields.records("messages");
  if (!messages || messages.length === 0) throw fields.wrong("messages", "an array of messages");
  return messages.map(readMessage);
}

function readMessage(fields: Fields): ChatMessage {
  const role = fields.choice("role", roles);
  if (role === undefined) throw fields.wrong("role", `one of ${roles.map((own) => `'${own}'`).join(", ")}`);
  for (const name of ["function_call", "audio"])
    if (fields.has(name)) throw fields.unsupported(name, "weft has no such messages.");
  const name = fields.text("name");
  const message = {
    // Templates know the older word.
    role: role === "developer" ? "system" : role,
    ...(name === undefined ? {} : { name }),
  };
  if (role === "assistant") return { ...message, ...readAssistant(fields) };
  const content = readContent(fields, "content");
  if (content === undefined) throw fields.wrong("content", "a string or an array of parts");
  if (role !== "tool") return { ...message, content };
  return { ...message, content, tool_call_id: fields.neededText("tool_call_id") };
}

function readAssistant(fields: Fields): Omit<ChatMessage, "role"> {
  const content = readContent(fields, "content");
  const thoughts = fields.text("reasoning_content");
  const calls = fields.records("tool_calls")?.map(readCall);
  if (content === undefined && !calls?.length)
    throw fields.wrong("content", "a string or an array of parts, or tool_calls beside it");
  return {
    content: content ?? "",
    ...(thoughts === undefined ? {} : { reasoning_content: thoughts }),
    ...(calls?.length ? { tool_calls: calls } : {}),
  };
}

function readCall(fields: Fields): EarlierCall {
  if (fields.value("type") !== "function") throw fields.wrong("type", "'function'");
  const own = fields.record("function");
  if (!own) throw fields.wrong("function", "an object with name and arguments");
  return {
    id: fields.neededText("id"),
    type: "function",
    function: { name: own.neededText("name"), arguments: argumentsOf(own, "arguments") },
  };
}

/** The arguments of a call, which come as JSON. @throws ApiFailure. */
export function argumentsOf(fields: Fields, name: string): Readonly<Record<string, unknown>> {
  const given = readArguments(fields.neededText(name));
  if (given) return given;
  throw fields.wrong(name, "the JSON of an object, as a string");
}

/** The kinds of parts whose text is taken. */
const textTypes = ["text", "input_text", "output_text", "refusal"];

/** A text, or the texts of its parts together. Parts of other kinds are refused by name. @throws ApiFailure. */
export function readContent(fields: Fields, name: string): string | undefined {
  const content = fields.value(name);
  if (content === undefined || typeof content === "string") return content;
  const parts = fields.records(name)!;
  return parts
    .map((part) => {
      const type = part.neededText("type");
      if (textTypes.includes(type)) return part.neededText(type === "refusal" ? "refusal" : "text");
      throw badField(
        part.pathOf("type"),
        `${part.pathOf("type")}: weft's models read text, not '${type}'.`,
        "unsupported_content",
      );
    })
    .join("");
}
