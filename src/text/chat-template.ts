// Conversations as text: renders a tokenizer's chat template with @huggingface/jinja, which is loaded only when used.
import { ArgumentError, FormatError } from "../errors.js";

/** One message of a conversation. */
export interface ChatMessage {
  /** "system", "user", "assistant", or what the model's template knows. */
  readonly role: string;
  readonly content: string;
}

/**
 * The conversation as the model was trained on it, up to where its answer begins. `tokenizerConfig` is the parsed
 * tokenizer_config.json. Throws ArgumentError where it has no template, FormatError where that cannot be rendered.
 */
export async function renderChat(
  messages: readonly ChatMessage[],
  tokenizerConfig: unknown,
): Promise<string> {
  const config = (tokenizerConfig ?? {}) as Record<string, unknown>;
  const template = config["chat_template"];
  if (typeof template !== "string") {
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
      bos_token: config["bos_token"],
      eos_token: config["eos_token"],
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
