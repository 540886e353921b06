// Calls in blocks of code, as Gemma writes them: ```tool_code with calls in Python, or JSON {"name": …, "parameters": {…}} in a
// block or as all of an answer.
import { callsOf, endOfJson, startsObject, type CallForm } from "./call-form.js";
import { pythonCalls } from "./python-calls.js";

const FENCE = "```";

export const code: CallForm = {
  openings: [
    { text: "```tool_code", isCertain: true },
    { text: "```tool_call", isCertain: true },
    { text: "```json", isCertain: false },
  ],
  hasSpecialTokens: false,
  startsBare: startsObject,
  read(text, isEnd, opening) {
    if (opening === "") {
      const end = endOfJson(text, 0);
      if (end === undefined) return isEnd ? "none" : "more";
      const calls = callsOf(text.slice(0, end));
      return calls ? { calls, length: end } : "none";
    }
    const end = text.indexOf(FENCE);
    if (end < 0 && !isEnd) return "more";
    const content = (end < 0 ? text : text.slice(0, end)).trim();
    const calls = callsOf(content) ?? pythonCalls(content);
    return calls ? { calls, length: end < 0 ? text.length : end + FENCE.length } : "none";
  },
};
