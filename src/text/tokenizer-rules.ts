// Rewrites a tokenizer.json for @huggingface/tokenizers, so that steps whose expressions the library has built in cut texts as the field's
// own implementation (in Rust) does. JavaScript knows other white space (U+FEFF is some, U+0085 is none), and by `\w` and `\d` only ASCII.
// Expressions that tokenizer.json spells out are the library's matter, and right.
import { isRecord } from "../util/json-value.js";

/** Letters, marks, digits and connectors of all scripts, for a class of characters. */
const wordCharacters = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}`;
const punctuation = String.raw`\p{P}\u0021-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u007E`;

/** How texts are cut before their bytes become characters. */
const wordsOfBytes: string = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

type Step = Readonly<Record<string, unknown>>;
const isolated = (Regex: string): Step => split(Regex, { behavior: "Isolated", invert: false });
/** What matches stays, and nothing else. */
const matches = (Regex: string): Step => split(Regex, { behavior: "Removed", invert: true });

function split(Regex: string, rest: object): Step {
  return { type: "Split", pattern: { Regex }, ...rest };
}

function replace(Regex: string, content: string): Step {
  return { type: "Replace", pattern: { Regex }, content };
}

/** Each is given the step, and returns the steps instead of it. */
const preTokenizers: Readonly<Record<string, (step: Step) => readonly Step[]>> = {
  ByteLevel(step) {
    if (step["use_regex"] === false) return [step];
    return [
      ...(step["add_prefix_space"] === true ? [replace(String.raw`\A(?! )`, " ")] : []),
      isolated(wordsOfBytes),
      { ...step, add_prefix_space: false, use_regex: false },
    ];
  },
  BertPreTokenizer: () => [matches(String.raw`[^\s${punctuation}]+|[${punctuation}]`)],
  Digits: (step) => [isolated(step["individual_digits"] === true ? String.raw`\p{N}` : String.raw`\p{N}+`)],
  Whitespace: () => [matches(String.raw`[${wordCharacters}]+|[^${wordCharacters}\s]+`)],
  WhitespaceSplit: () => [split(String.raw`\s+`, { behavior: "Removed", invert: false })],
};

const normalizers: typeof preTokenizers = {
  Strip(step) {
    return [
      ...(step["strip_left"] === true ? [replace(String.raw`\A\s+`, "")] : []),
      ...(step["strip_right"] === true ? [replace(String.raw`(?<!\s)\s+\z`, "")] : []),
    ];
  },
};

/** A tokenizer.json that means to the library what `tokenizerJson` means. */
export function asLibraryReads(tokenizerJson: object): object {
  const { normalizer, pre_tokenizer } = tokenizerJson as Step;
  return {
    ...tokenizerJson,
    ...(normalizer ? { normalizer: rewrite(normalizer, normalizers, "normalizers") } : {}),
    ...(pre_tokenizer ? { pre_tokenizer: rewrite(pre_tokenizer, preTokenizers, "pretokenizers") } : {}),
  };
}

/** `list` is the key of the steps of a sequence. */
function rewrite(step: unknown, rules: typeof preTokenizers, list: string): unknown {
  if (!isRecord(step)) return step;
  const { type, [list]: steps } = step;
  if (Array.isArray(steps))
    return { ...step, [list]: steps.map((own: unknown) => rewrite(own, rules, list)) };
  const rule = typeof type === "string" && Object.hasOwn(rules, type) ? rules[type] : undefined;
  return rule ? { type: "Sequence", [list]: rule(step) } : step;
}

const endsWithWord = new RegExp(`[${wordCharacters}]$`, "u");
const beginsWithWord = new RegExp(`^[${wordCharacters}]`, "u");
const space = /\p{White_Space}/u;

/** A token that is looked for in texts before they are cut, such as "<|end|>". */
export interface AddedToken {
  readonly content: string;
  /** It is no part of a longer word. */
  readonly isSingleWord: boolean;
  /** White space before and behind it belongs to it. */
  readonly takesLeft: boolean;
  readonly takesRight: boolean;
}

interface Node {
  readonly next: Map<string, Node>;
  token?: AddedToken;
}

/** Finds added tokens in texts, the longest at each place. */
export class AddedTokenSplitter {
  readonly #root: Node = { next: new Map() };

  constructor(tokens: readonly AddedToken[]) {
    for (const token of tokens) {
      let node = this.#root;
      for (const unit of token.content.split("")) {
        const next = node.next.get(unit) ?? { next: new Map() };
        node.next.set(unit, next);
        node = next;
      }
      if (token.content !== "") node.token = token;
    }
  }

  /** The text in parts: added tokens, and what is between them. */
  split(text: string): string[] {
    const parts: string[] = [];
    let from = 0;
    for (let at = 0; at < text.length;) {
      const token = this.#longestAt(text, at);
      const end = at + (token?.content.length ?? 1);
      if (!token || (token.isSingleWord && isWithinWord(text, at, end))) {
        at = end;
        continue;
      }
      let left = at;
      while (token.takesLeft && left > from && space.test(text[left - 1]!)) left--;
      if (left > from) parts.push(text.slice(from, left));
      parts.push(token.content);
      at = end;
      while (token.takesRight && at < text.length && space.test(text[at]!)) at++;
      from = at;
    }
    if (from < text.length) parts.push(text.slice(from));
    return parts;
  }

  #longestAt(text: string, begin: number): AddedToken | undefined {
    let longest: AddedToken | undefined;
    let node = this.#root.next.get(text[begin]!);
    for (let at = begin + 1; node; at++) {
      longest = node.token ?? longest;
      node = at < text.length ? node.next.get(text[at]!) : undefined;
    }
    return longest;
  }
}

/** Whether a word goes on at either end of a part of a text. */
function isWithinWord(text: string, begin: number, end: number): boolean {
  // A character may be two units.
  return (
    endsWithWord.test(text.slice(Math.max(0, begin - 2), begin)) ||
    beginsWithWord.test(text.slice(end, end + 2))
  );
}
