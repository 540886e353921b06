// A conversation as a chat template reads it: the arguments of calls as objects, and the tools beside the messages. Where a template
// knows nothing of tools, they are said in words.
import type { ChatMessage } from "../index.js";
import type { CallForm, FormWords } from "./forms/call-form.js";
import { formNamed } from "./forms/find-form.js";
import { isRecord } from "../util/json-value.js";

/** A function that a model may call, in the form that chat templates read. */
export interface ToolDefinition {
  readonly type: "function";
  readonly function: {
    readonly name: string;
    readonly description?: string;
    /** The JSON schema of its arguments. */
    readonly parameters?: unknown;
  };
}

/** A call of an earlier answer. */
export interface EarlierCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: unknown };
}

/** What is asked of a model. */
export interface Conversation {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly ToolDefinition[];
}

/**
 * The conversation as `template` takes it. Without a form of calls, earlier ones are written as JSON objects where the template has
 * nothing for them.
 */
export function fitTemplate(
  { messages, tools }: Conversation,
  template: string | undefined,
  form: CallForm = formNamed("object"),
): Conversation {
  const takesTools = template !== undefined && /\btools\b/.test(template);
  const hasCalls = messages.some(({ role, tool_calls: calls }) => role === "tool" || calls !== undefined);
  if (takesTools || (!tools && !hasCalls)) return { messages, ...(tools ? { tools } : {}) };
  const all = messages.map((message) => inWords(message, form.words));
  return { messages: mergeTurns(tools ? [requestMessage(tools, form.words), ...all] : all) };
}

function requestMessage(tools: readonly ToolDefinition[], { request }: FormWords): ChatMessage {
  const definitions = JSON.stringify(
    tools.map((tool) => tool.function),
    null,
    2,
  );
  return { role: "system", content: `${request}\n${definitions}` };
}

function inWords({ role, content, ...rest }: ChatMessage, words: FormWords): ChatMessage {
  const text = typeof content === "string" ? content : "";
  if (role === "tool") return { role: "user", content: words.result(text) };
  const calls = rest["tool_calls"];
  if (!Array.isArray(calls)) return { role, content: content ?? "", ...rest };
  const written = (calls as readonly EarlierCall[]).map(({ function: { name, arguments: given } }) =>
    words.call(name, given),
  );
  return { role, content: [text, ...written].filter((part) => part !== "").join("\n") };
}

/** Such templates refuse turns of one side that follow one another. */
function mergeTurns(messages: readonly ChatMessage[]): ChatMessage[] {
  const merged: ChatMessage[] = [];
  for (const message of messages) {
    const last = merged.at(-1);
    if (
      last?.role === message.role &&
      typeof last.content === "string" &&
      typeof message.content === "string"
    )
      merged[merged.length - 1] = { ...last, content: `${last.content}\n\n${message.content}` };
    else merged.push(message);
  }
  return merged;
}

/** The arguments of an earlier call, which come as JSON and which templates write themselves; undefined if they are no object. */
export function readArguments(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text === "" ? "{}" : text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
