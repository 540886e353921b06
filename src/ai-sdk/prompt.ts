// The prompt of the AI SDK as the messages of a chat.
import { ArgumentError } from "../errors.js";
import type { EarlierCall } from "../answer/conversation.js";
import type { ChatMessage } from "../index.js";
import { isRecord } from "../util/json-value.js";
import type { PromptMessage, PromptPart } from "./specification.js";

/** @throws ArgumentError for parts that are no text, such as files. */
export function messagesOf(prompt: readonly PromptMessage[]): ChatMessage[] {
  return prompt.flatMap(({ role, content }, index): ChatMessage[] => {
    const place = `prompt[${index}]`;
    const parts = typeof content === "string" ? [{ type: "text", text: content }] : content;
    if (role === "tool") return parts.map((part, at) => resultMessage(part, `${place}.content[${at}]`));
    if (role === "assistant") return [assistantMessage(parts, place)];
    return [{ role, content: textsOf(parts, place) }];
  });
}

function assistantMessage(parts: readonly PromptPart[], place: string): ChatMessage {
  const of = (type: string): readonly PromptPart[] => parts.filter((part) => part.type === type);
  const thoughts = of("reasoning").map(textOf).join("");
  const calls = of("tool-call").map((part): EarlierCall => ({
    id: valueOf(part, "toolCallId") as string,
    type: "function",
    function: { name: valueOf(part, "toolName") as string, arguments: valueOf(part, "input") ?? {} },
  }));
  const others = parts.filter(({ type }) => type !== "reasoning" && type !== "tool-call");
  return {
    role: "assistant",
    content: textsOf(others, place),
    ...(thoughts === "" ? {} : { reasoning_content: thoughts }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

function resultMessage(part: PromptPart, place: string): ChatMessage {
  if (part.type !== "tool-result") throw unknownPart(part, place);
  return {
    role: "tool",
    tool_call_id: valueOf(part, "toolCallId"),
    name: valueOf(part, "toolName"),
    content: outputText(valueOf(part, "output"), place),
  };
}

/** What a function gave, as a text. */
function outputText(output: unknown, place: string): string {
  const { type, value, reason } = isRecord(output) ? output : {};
  if (type === "execution-denied") return typeof reason === "string" ? reason : "The call was not allowed.";
  if (type === "content" && Array.isArray(value)) return textsOf(value as readonly PromptPart[], place);
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}

function textsOf(parts: readonly PromptPart[], place: string): string {
  return parts
    .map((part, index) => {
      if (part.type !== "text") throw unknownPart(part, `${place}.content[${index}]`);
      return textOf(part);
    })
    .join("");
}

const textOf = (part: PromptPart): string => valueOf(part, "text") as string;

const valueOf = (part: PromptPart, key: string): unknown =>
  (part as unknown as Readonly<Record<string, unknown>>)[key];

function unknownPart({ type }: PromptPart, place: string): ArgumentError {
  return new ArgumentError({
    argument: place,
    expected: "text, which is all that weft's models read",
    received: type,
  });
}
