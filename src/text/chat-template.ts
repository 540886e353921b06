// Turns conversations into text: renders a tokenizer's chat template with @huggingface/jinja, which is loaded when first used.
import { ArgumentError, FormatError } from "../errors.js";
import { isRecord } from "../util/json-value.js";
import { loadPart } from "../util/load-part.js";
import { findTemplate, type ChatFiles } from "./find-template.js";

/** One message of a conversation. The model's template may read further keys, such as `tool_calls` or `reasoning_content`. */
export interface ChatMessage {
  /** "system", "user", "assistant", "tool", or another role of the model's template. */
  readonly role: string;
  /** The text, or parts as the template knows them. Null or left out where the message says something else: `tool_calls`. */
  readonly content?: string | readonly object[] | null;
  readonly [key: string]: unknown;
}

/** What the template of a conversation reads beside its messages. */
export interface ChatOptions {
  /** The functions that the model may call, each as a JSON schema, in the form that its template expects. */
  readonly tools?: readonly object[];
  /** Other variables of the template, such as `{ enable_thinking: false }`; also `add_generation_prompt`, which is true by default. */
  readonly templateVariables?: Readonly<Record<string, unknown>>;
}

/**
 * The conversation as text in the form that the model was trained on, up to where its reply begins. Throws ArgumentError if the
 * model has no template, FormatError if the template cannot be rendered.
 */
export async function renderChat(
  messages: readonly ChatMessage[],
  files: ChatFiles,
  { tools, templateVariables }: ChatOptions = {},
): Promise<string> {
  checkMessages(messages);
  checkVariables(tools, templateVariables);
  const config = isRecord(files.tokenizerConfig) ? files.tokenizerConfig : {};
  const template = findTemplate(files, tools !== undefined);
  if (template === undefined) {
    throw new ArgumentError({
      argument: "messages",
      expected:
        "a text or token ids, as this model has neither chat_template.jinja nor a chat_template in tokenizer_config.json",
      received: messages,
      remedy: "Write the conversation as one text, or use a model that was trained on conversations.",
    });
  }
  const { renderBounded } = await loadPart(import("./jinja.js"));
  try {
    return renderBounded(template, {
      ...specialTokens(config),
      messages,
      add_generation_prompt: true,
      // As in Python, where a template may ask whether there are any.
      tools: tools ?? null,
      ...templateVariables,
    });
  } catch (cause) {
    throw new FormatError({
      file: files.chatTemplate === undefined ? "tokenizer_config.json" : "chat_template.jinja",
      problem: `chat_template: expected a template for these messages, received: ${cause instanceof Error ? cause.message : String(cause)}`,
      remedy: "Check the roles of the messages against the template.",
      cause,
    });
  }
}

function checkMessages(messages: readonly ChatMessage[]): void {
  for (const [index, message] of (messages as readonly Partial<ChatMessage>[]).entries()) {
    if (typeof message?.role === "string" && hasContent(message)) continue;
    throw new ArgumentError({
      argument: `messages[${index}]`,
      expected: "an object with the texts role and content",
      received: message,
      remedy: 'Write it as { role: "user", content: "…" }.',
    });
  }
}

function hasContent({ content, ...rest }: Partial<ChatMessage>): boolean {
  if (typeof content === "string" || (Array.isArray(content) && content.every(isRecord))) return true;
  return (content === undefined || content === null) && Object.keys(rest).length > 1;
}

function checkVariables(tools: unknown, variables: unknown): void {
  if (tools !== undefined && !(Array.isArray(tools) && tools.every(isRecord)))
    throw new ArgumentError({
      argument: "tools",
      expected: "an array of objects that describe functions",
      received: tools,
      remedy: "Leave it out for a conversation without tools.",
    });
  if (variables !== undefined && !isRecord(variables))
    throw new ArgumentError({
      argument: "templateVariables",
      expected: "an object from names to values",
      received: variables,
      remedy: "Its keys are variables of the model's chat template.",
    });
}

/** The texts of special tokens, by the keys of tokenizer_config.json, which holds the text itself or an object with it. */
function specialTokens(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).flatMap(([key, token]) => {
      const text = isRecord(token) ? token["content"] : token;
      return key.endsWith("_token") && typeof text === "string" ? [[key, text]] : [];
    }),
  );
}
