// Turns conversations into text: renders a tokenizer's chat template with @huggingface/jinja, which is loaded when first used.
import { ArgumentError, FormatError } from "../errors.js";

/** One message of a conversation. */
export interface ChatMessage {
  /** "system", "user", "assistant", or another role of the model's template. */
  readonly role: string;
  readonly content: string;
}

/**
 * The conversation as text in the form that the model was trained on, up to where its reply begins. `tokenizerConfig` is the
 * parsed tokenizer_config.json. Throws ArgumentError if it has no template, FormatError if the template cannot be rendered.
 */
export async function renderChat(
  messages: readonly ChatMessage[],
  tokenizerConfig: unknown,
): Promise<string> {
  checkMessages(messages);
  const config = (tokenizerConfig ?? {}) as Record<string, unknown>;
  const template = findTemplate(config["chat_template"]);
  if (template === undefined) {
    throw new ArgumentError({
      argument: "messages",
      expected: "a text or token ids, as this model's tokenizer_config.json has no chat_template",
      received: messages,
      remedy: "Write the conversation as one text, or use a model that was trained on conversations.",
    });
  }
  const { Template } = await import("@huggingface/jinja");
  try {
    return new Template(template).render({
      messages,
      add_generation_prompt: true,
      bos_token: tokenText(config["bos_token"]),
      eos_token: tokenText(config["eos_token"]),
    });
  } catch (cause) {
    throw new FormatError({
      file: "tokenizer_config.json",
      problem: `chat_template: expected a template for these messages, received: ${cause instanceof Error ? cause.message : String(cause)}`,
      remedy: "Check the roles of the messages against the template.",
      cause,
    });
  }
}

function checkMessages(messages: readonly ChatMessage[]): void {
  for (const [index, message] of (messages as readonly Partial<ChatMessage>[]).entries()) {
    if (typeof message?.role === "string" && typeof message.content === "string") continue;
    throw new ArgumentError({
      argument: `messages[${index}]`,
      expected: "an object with the texts role and content",
      received: message,
      remedy: 'Write it as { role: "user", content: "…" }.',
    });
  }
}

/** The template, or of several the one named "default". */
function findTemplate(given: unknown): string | undefined {
  if (typeof given === "string") return given;
  if (!Array.isArray(given)) return undefined;
  const entries = given as readonly { readonly name?: unknown; readonly template?: unknown }[];
  const template = entries.find((entry) => entry?.name === "default")?.template;
  return typeof template === "string" ? template : undefined;
}

/** The text of a special token. tokenizer_config.json holds the text itself, or an object with it. */
function tokenText(token: unknown): unknown {
  return typeof token === "object" && token && "content" in token ? token.content : token;
}
