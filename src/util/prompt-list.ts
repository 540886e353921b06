// Tells a list of prompts from a single prompt that is itself a list, of token ids or of messages.

/** Whether `prompt` holds several prompts. */
export function isPromptList<P>(prompt: P | readonly P[]): prompt is readonly P[] {
  if (!Array.isArray(prompt)) return false;
  // An empty list is a batch without prompts.
  const [first] = prompt as readonly unknown[];
  return typeof first !== "number" && !isMessages(prompt);
}

/** Whether `prompt` is the messages of a conversation. */
export function isMessages(
  prompt: unknown,
): prompt is readonly { readonly role: string; readonly [key: string]: unknown }[] {
  const first: unknown = Array.isArray(prompt) ? prompt[0] : undefined;
  return typeof first === "object" && first !== null && "role" in first;
}
