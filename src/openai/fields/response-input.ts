// The input of /v1/responses, a text or items, as the messages of a chat. What one side says in several items is one message.
import type { EarlierCall } from "../../answer/conversation.js";
import type { ChatMessage } from "../../index.js";
import { badField } from "../http/failure.js";
import type { Fields } from "./fields.js";
import { argumentsOf, readContent } from "./messages.js";

const roles = ["system", "developer", "user", "assistant"] as const;

/** A message while items are added to it. */
interface OpenMessage {
  readonly role: string;
  content?: string;
  reasoning_content?: string;
  tool_calls?: EarlierCall[];
  readonly tool_call_id?: string;
}

/** @throws ApiFailure. */
export function readResponseInput(fields: Fields): ChatMessage[] {
  const instructions = fields.text("instructions");
  const messages: OpenMessage[] =
    instructions === undefined ? [] : [{ role: "system", content: instructions }];
  const input = fields.value("input");
  if (typeof input === "string") messages.push({ role: "user", content: input });
  else {
    const items = fields.records("input");
    if (!items || items.length === 0) throw fields.wrong("input", "a string or an array of items");
    for (const item of items) addItem(messages, item);
  }
  return messages.map((message) => ({ ...message, content: message.content ?? "" }));
}

function addItem(messages: OpenMessage[], item: Fields): void {
  const type = item.text("type") ?? "message";
  switch (type) {
    case "message":
      addMessage(messages, item);
      break;
    case "reasoning":
      assistantOf(messages).reasoning_content = thoughtsOf(item);
      break;
    case "function_call":
      (assistantOf(messages).tool_calls ??= []).push({
        id: item.neededText("call_id"),
        type: "function",
        function: { name: item.neededText("name"), arguments: argumentsOf(item, "arguments") },
      });
      break;
    case "function_call_output": {
      const content = readContent(item, "output");
      if (content === undefined) throw item.wrong("output", "a string or an array of parts");
      messages.push({ role: "tool", content, tool_call_id: item.neededText("call_id") });
      break;
    }
    default:
      throw badField(
        item.pathOf("type"),
        `${item.pathOf("type")}: weft takes messages, reasoning, function calls and their outputs, not '${type}'.`,
        "unsupported_item",
      );
  }
}

function addMessage(messages: OpenMessage[], item: Fields): void {
  const role = item.choice("role", roles);
  const content = readContent(item, "content");
  if (role === undefined) throw item.wrong("role", `one of ${roles.map((own) => `'${own}'`).join(", ")}`);
  if (content === undefined) throw item.wrong("content", "a string or an array of parts");
  const last = messages.at(-1);
  if (role === "assistant") {
    const own = assistantOf(messages);
    own.content = (own.content ?? "") + content;
  } else if (role !== "user" && messages.length === 1 && last?.role === "system")
    // Many templates know one system message, the first.
    last.content = `${last.content}\n\n${content}`;
  else messages.push({ role: role === "developer" ? "system" : role, content });
}

/** The message of the model that the last items are of. */
function assistantOf(messages: OpenMessage[]): OpenMessage {
  const last = messages.at(-1);
  if (last?.role === "assistant") return last;
  const message: OpenMessage = { role: "assistant" };
  messages.push(message);
  return message;
}

/** The thoughts themselves, or where they are left out what sums them up. */
function thoughtsOf(item: Fields): string {
  const parts = item.records("content") ?? item.records("summary") ?? [];
  return parts.map((part) => part.neededText("text")).join("");
}
