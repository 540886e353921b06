// Calls behind [TOOL_CALLS], as Mistral's models write them: a list [{"name": …, "arguments": {…}}, …], or in newer ones
// name[ARGS]{…}, each behind a [TOOL_CALLS] of its own.
import { callsOf, endOfJson, type CallForm, type CallReading } from "./call-form.js";

/** A name, and perhaps an id, up to where the arguments begin. */
const head = /^\s*([\w.-]+)(?:\[CALL_ID\]\w*)?(?:\[ARGS\])?\s*\{/;
const headInPart = /^\s*[\w.-]*(?:\[[\w\]]*)*\s*$/;

export const list: CallForm = {
  openings: [{ text: "[TOOL_CALLS]", isCertain: true }],
  hasSpecialTokens: true,
  words: {
    request:
      "You may call functions. To call them, respond with [TOOL_CALLS] and a JSON list of calls, and nothing else: " +
      '[TOOL_CALLS][{"name": function name, "arguments": dictionary of argument name and its value}]. ' +
      "The functions are:",
    call: (name, given) => `[TOOL_CALLS]${JSON.stringify([{ name, arguments: given }])}`,
    result: (text) => `[TOOL_RESULTS]${text}[/TOOL_RESULTS]`,
  },
  startsBare: (text) => (/^\[\s*$/.test(text) ? "more" : /^\[\s*\{/.test(text)),
  read(text, isEnd) {
    const start = text.search(/\S/);
    if (start < 0) return isEnd ? "none" : "more";
    return text[start] === "[" ? readList(text, start, isEnd) : readNamed(text, isEnd);
  },
};

function readList(text: string, start: number, isEnd: boolean): CallReading {
  const end = endOfJson(text, start);
  if (end === undefined) return isEnd ? "none" : "more";
  const calls = callsOf(text.slice(start, end));
  return calls ? { calls, length: end } : "none";
}

function readNamed(text: string, isEnd: boolean): CallReading {
  const found = head.exec(text);
  if (!found) return !isEnd && headInPart.test(text) ? "more" : "none";
  const start = found[0].length - 1;
  const end = endOfJson(text, start);
  if (end === undefined) return isEnd ? "none" : "more";
  const calls = callsOf(`{"name":${JSON.stringify(found[1])},"arguments":${text.slice(start, end)}}`);
  return calls ? { calls, length: end } : "none";
}
