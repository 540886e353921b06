// Calls behind [TOOL_CALLS], as Mistral's models write them: a list [{"name": …, "arguments": {…}}, …], or in newer ones
// name[ARGS]{…}, each behind a [TOOL_CALLS] of its own.
import { callsOf, endOfJson, type CallForm, type CallReading } from "./call-form.js";
import { jsonCallRule, oneOrMore } from "./call-rules.js";
import { grammarLiteral } from "../../util/grammar-literal.js";

const OPEN = "[TOOL_CALLS]";
const ARGUMENTS = "[ARGS]";

/** A name, and perhaps an id, up to where the arguments begin. */
const head = /^\s*([\w.-]+)(?:\[CALL_ID\]\w*)?(?:\[ARGS\])?\s*\{/;
const headInPart = /^\s*[\w.-]*(?:\[[\w\]]*)*\s*$/;
const nameAlone = /^[\w.-]+$/;

export const list: CallForm = {
  openings: [{ text: OPEN, isCertain: true }],
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
  holdsBare: false,
  // The template says which of the two ways the model knows.
  hold(functions, isOne, template) {
    const isNamed = template?.includes(ARGUMENTS) && functions.every(({ name }) => nameAlone.test(name));
    const named = functions.map(({ name, rule }) => `${grammarLiteral(name + ARGUMENTS)} ${rule}`);
    return {
      opening: OPEN,
      rules: isNamed
        ? [`calls ::= ("${OPEN}" opened)${isOne ? "" : "+"}`, `opened ::= ${named.join(" | ")}`]
        : [
            `calls ::= "${OPEN}" opened`,
            `opened ::= " "? "[" ${oneOrMore("call", ", ", isOne)} "]"`,
            jsonCallRule(functions, "arguments"),
          ],
      specialTokens: [OPEN, ARGUMENTS],
    };
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
