// Calls in blocks of code, as Gemma writes them: ```tool_code with calls in Python, or JSON {"name": …, "parameters": {…}} in a
// block or as all of an answer. Calls that are held are JSON.
import { callsOf, endOfJson, findMarker, startsObject, type CallForm } from "./call-form.js";
import { jsonCallRule, oneOrMore } from "./call-rules.js";
import { pythonCalls } from "./python-calls.js";

const FENCE = "```";

export const code: CallForm = {
  openings: [
    { text: "```tool_code", isCertain: true },
    { text: "```tool_call", isCertain: true },
    { text: "```json", isCertain: false },
  ],
  hasSpecialTokens: false,
  // As Google's guide for Gemma has it: ai.google.dev/gemma/docs/capabilities/function-calling
  words: {
    request:
      "You have access to functions. If you decide to invoke any of the function(s), you MUST put it in the format of\n" +
      '{"name": function name, "parameters": dictionary of argument name and its value}\n\n' +
      "You SHOULD NOT include any other text in the response if you call a function",
    call: (name, given) => JSON.stringify({ name, parameters: given }),
    result: (text) => `\`\`\`tool_output\n${text}\n\`\`\``,
  },
  startsBare: startsObject,
  read(text, isEnd, opening) {
    if (opening === "") {
      const end = endOfJson(text, 0);
      if (end === undefined) return isEnd ? "none" : "more";
      const calls = callsOf(text.slice(0, end));
      return calls ? { calls, length: end } : "none";
    }
    const end = findMarker(text, FENCE, isEnd);
    if (end < 0 && !isEnd) return "more";
    const content = (end < 0 ? text : text.slice(0, end)).trim();
    const calls = callsOf(content) ?? pythonCalls(content);
    return calls ? { calls, length: end < 0 ? text.length : end + FENCE.length } : "none";
  },
  holdsBare: true,
  hold: (functions, isOne) => ({
    opening: "```tool_c",
    rules: [
      `calls ::= ${oneOrMore("call", "\n", isOne)}`,
      `opened ::= ("ode" | "all") "\\n" call "\\n${FENCE}"`,
      jsonCallRule(functions, "parameters"),
    ],
    specialTokens: [],
  }),
};
