// Calls as JSON objects that are all of an answer, or stand behind <|python_tag|>, as Meta's models write them:
// {"name": …, "parameters": {…}}. Several are separated by semicolons or lines.
import { callsOf, endOfJson, startsObject, type CallForm } from "./call-form.js";
import { jsonCallRule, oneOrMore } from "./call-rules.js";

const OPEN = "<|python_tag|>";

export const object: CallForm = {
  openings: [{ text: OPEN, isCertain: true }],
  hasSpecialTokens: true,
  words: {
    request:
      "You have access to the following functions. To call a function, respond with JSON for a function call " +
      'in the format {"name": function name, "parameters": dictionary of argument name and its value}. ' +
      "Do not use variables.",
    call: (name, given) => JSON.stringify({ name, parameters: given }),
    result: (text) => `Output of the function: ${text}`,
  },
  startsBare: startsObject,
  read(text, isEnd) {
    const start = text.search(/\S/);
    if (start < 0) return isEnd ? "none" : "more";
    if (text[start] !== "{") return "none";
    const end = endOfJson(text, start);
    if (end === undefined) return isEnd ? "none" : "more";
    const calls = callsOf(text.slice(start, end));
    return calls ? { calls, length: end } : "none";
  },
  holdsBare: true,
  hold: (functions, isOne) => ({
    opening: OPEN,
    rules: [
      `calls ::= ${oneOrMore("call", "; ", isOne)}`,
      "opened ::= call",
      jsonCallRule(functions, "parameters"),
    ],
    specialTokens: [OPEN],
  }),
};
