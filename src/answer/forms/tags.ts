// Calls between tags, as Hermes, Qwen and SmolLM write them: <tool_call>{"name": …, "arguments": {…}}</tool_call>, or what newer
// models of Qwen write between the same tags: <function=…><parameter=…>…</parameter></function>. Calls that are held are JSON, as a value
// of the newer way does not say whether it is a text.
import { callsOf, findMarker, type CallForm, type ParsedCall } from "./call-form.js";
import { jsonCallRule, oneOrMore } from "./call-rules.js";

const OPEN = "<tool_call>";
const CLOSE = "</tool_call>";

export const tags: CallForm = {
  openings: [{ text: OPEN, isCertain: true }],
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
    const end = findMarker(text, CLOSE, isEnd);
    if (end < 0 && !isEnd) return "more";
    // The last tag may be missing, where a model ends with the call.
    const content = (end < 0 ? text : text.slice(0, end)).trim();
    const calls = content.startsWith("<function=") ? markedCall(content) : callsOf(content);
    return calls ? { calls, length: end < 0 ? text.length : end + CLOSE.length } : "none";
  },
  holdsBare: false,
  hold: (functions, isOne) => ({
    opening: OPEN,
    rules: [
      `calls ::= ${oneOrMore("tagged", "\n", isOne)}`,
      `tagged ::= "${OPEN}" opened`,
      `opened ::= "\\n"? call "\\n"? "${CLOSE}"`,
      jsonCallRule(functions, "arguments"),
    ],
    // They are in few models.
    specialTokens: [OPEN, CLOSE],
  }),
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
