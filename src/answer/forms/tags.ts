// Calls between tags, as Hermes, Qwen and SmolLM write them: <tool_call>{"name": …, "arguments": {…}}</tool_call>, or what newer
// models of Qwen write between the same tags: <function=…><parameter=…>…</parameter></function>.
import { callsOf, type CallForm, type ParsedCall } from "./call-form.js";

const CLOSE = "</tool_call>";

export const tags: CallForm = {
  openings: [{ text: "<tool_call>", isCertain: true }],
  hasSpecialTokens: false,
  words: {
    request:
      "You may call one or more functions to assist with the user query.\n" +
      "For each function call, return a json object with function name and arguments within <tool_call></tool_call> tags:\n" +
      '<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>\n\n' +
      "Here are the available functions:",
    call: (name, given) => `<tool_call>\n${JSON.stringify({ name, arguments: given })}\n</tool_call>`,
    result: (text) => `<tool_response>\n${text}\n</tool_response>`,
  },
  startsBare: () => false,
  read(text, isEnd) {
    const end = text.indexOf(CLOSE);
    if (end < 0 && !isEnd) return "more";
    // The last tag may be missing, where a model ends with the call.
    const content = (end < 0 ? text : text.slice(0, end)).trim();
    const calls = content.startsWith("<function=") ? markedCall(content) : callsOf(content);
    return calls ? { calls, length: end < 0 ? text.length : end + CLOSE.length } : "none";
  },
};

/** Values are texts, or JSON where they are JSON that is no text. */
function markedCall(content: string): readonly ParsedCall[] | undefined {
  const [, name, body] = /^<function=([^>\s]+)>(.*)<\/function>$/s.exec(content) ?? [];
  if (name === undefined || body === undefined) return undefined;
  const given = [...body.matchAll(/<parameter=([^>\s]+)>\n?(.*?)\n?<\/parameter>/gs)].map(
    ([, key, value]) => [key!, valueOf(value!)] as const,
  );
  return [{ name, arguments: JSON.stringify(Object.fromEntries(given)) }];
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
