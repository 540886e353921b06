// How calls are written where an answer is held to them: rules of a grammar, in the EBNF that `responseFormat` takes. A form says them
// for the functions that may be called; what may stand around the calls is not its business.
import { grammarLiteral } from "../../util/grammar-literal.js";

/** A function that may be called. */
export interface HeldFunction {
  readonly name: string;
  /** The rule of its arguments, which are a JSON object. */
  readonly rule: string;
}

export interface CallRules {
  /** With what calls begin within a text, and nothing else does. */
  readonly opening: string;
  /** Among them "calls", which is calls and nothing else, and "opened", which is what follows the opening in a text. */
  readonly rules: readonly string[];
  /** Special tokens that calls are written with, if the model has them. */
  readonly specialTokens: readonly string[];
}

/** The rule "call": a JSON object with the name of a function and, by `key`, its arguments. Spaces are where templates have them. */
export function jsonCallRule(functions: readonly HeldFunction[], key: string): string {
  const named = functions.map(
    ({ name, rule }) => `${grammarLiteral(`${JSON.stringify(name)}, "${key}": `)} ${rule}`,
  );
  return `call ::= ${grammarLiteral('{"name": ')} (${named.join(" | ")}) "}"`;
}

/** What derives `rule` once, or with `isOne` false any number of times from one on. */
export const oneOrMore = (rule: string, separator: string, isOne: boolean): string =>
  isOne ? rule : `${rule} (${grammarLiteral(separator)} ${rule})*`;
