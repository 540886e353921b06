// Refuses regular expressions of a tokenizer.json that may try for ever: one thread can't stop another's expression, nor its own.
import { FormatError } from "../errors.js";
import { isRecord } from "../util/json-value.js";

/** A group that is open, or the last one that was closed. */
interface Group {
  /** Whether something in it is repeated without a bound, and whether it has alternatives. */
  repeats: boolean;
  branches: boolean;
}

/** More repetitions than that count as without a bound. */
const MANY = 64;

/**
 * Whether a regular expression repeats, without a bound, what itself repeats without one, or has alternatives: `(a+)+`, `(a|a)*`. Only
 * such can take a time that grows exponentially with the text. No tokenizer that is in use has one.
 */
export function mayRunForEver(pattern: string): boolean {
  const open: Group[] = [{ repeats: false, branches: false }];
  let last: Group | undefined;
  for (let at = 0; at < pattern.length; at++) {
    const own = open.at(-1)!;
    const rest = pattern.slice(at);
    const [repetition, most] = readRepetition(rest);
    if (repetition > 0) {
      if (most > MANY) {
        if (last && (last.repeats || last.branches)) return true;
        own.repeats = true;
      }
      at += repetition - 1;
      continue;
    }
    const char = pattern[at]!;
    if (char === "(") {
      open.push({ repeats: false, branches: false });
      at += /^\((\?(<?[=!]|<\w+>|[a-z-]*:|>))?/.exec(rest)![0].length - 1;
    } else if (char === ")") {
      last = open.length > 1 ? open.pop()! : own;
      const outer = open.at(-1)!;
      outer.repeats ||= last.repeats;
      outer.branches ||= last.branches && outer !== open[0];
      continue;
    } else if (char === "|") own.branches = true;
    else if (char === "\\") at += /^\\[pPu]\{[^}]*\}/.exec(rest)?.[0].length ?? 2;
    else if (char === "[") at += (/^\[(\\.|[^\]\\])*\]/s.exec(rest)?.[0].length ?? 1) - 1;
    if (char === "\\") at--;
    last = undefined;
  }
  return false;
}

/** How many characters a repetition at the beginning of `rest` has, and how often it repeats at most. */
function readRepetition(rest: string): readonly [length: number, most: number] {
  const found = /^(?:([*+])|\{(\d+)(,?)(\d*)\})[?+]?/.exec(rest);
  if (!found) return [0, 0];
  const [text, sign, least, comma, most] = found;
  if (sign !== undefined) return [text.length, Infinity];
  return [text.length, comma === "" ? Number(least) : most === "" ? Infinity : Number(most)];
}

/** @throws FormatError for a tokenizer whose steps have an expression that may run for ever. */
export function checkPatterns(tokenizerJson: object): void {
  const { normalizer, pre_tokenizer, post_processor, decoder } = tokenizerJson as Record<string, unknown>;
  const waiting: unknown[] = [normalizer, pre_tokenizer, post_processor, decoder];
  for (let step = waiting.pop(); waiting.length > 0 || step !== undefined; step = waiting.pop()) {
    if (Array.isArray(step)) waiting.push(...(step as unknown[]));
    if (!isRecord(step)) continue;
    const { Regex: pattern } = step;
    if (typeof pattern === "string" && mayRunForEver(pattern)) {
      throw new FormatError({
        file: "tokenizer.json",
        problem: `expected expressions that end, received ${JSON.stringify(pattern.slice(0, 100))}, which may try for ever`,
        remedy: "Use the tokenizer of the model's own folder, or pass token ids.",
      });
    }
    waiting.push(...Object.values(step));
  }
}
