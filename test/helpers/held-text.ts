// Texts that are held to a grammar, character by character, without a model.
import { expect } from "vitest";
import { Constraints } from "../../src/text/grammar/constraints.js";
import type { ResponseFormat } from "../../src/text/grammar/response-format.js";
import type { SeededRandom } from "./random.js";

/** Printable ASCII and the end of a line, a token each. */
const characters = [...Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)), "\n"];
/** A token of its own, but text like any other, as models have it. */
const whole = "<tool_call>";
const special = ["[TOOL_CALLS]", "[ARGS]", "<|python_tag|>", "<|end|>"];
const added = [whole, ...special];

/** The texts of the tokens, by their ids. The last ends a text. */
export const heldTokens: readonly string[] = [...characters, ...added];
const END = heldTokens.length - 1;

/** Byte-level BPE without merges. */
export const heldTokenizer: object = {
  version: "1.0",
  added_tokens: added.map((content, index) => ({
    id: characters.length + index,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: content !== whole,
  })),
  normalizer: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
  model: {
    type: "BPE",
    vocab: Object.fromEntries(
      characters.map((sign, id) => [sign === " " ? "Ġ" : sign === "\n" ? "Ċ" : sign, id]),
    ),
    merges: [],
  },
};

const constraints = new Constraints(heldTokenizer, heldTokens.length);

/** The tokens of a text: special ones where it reads like them, and characters for all else. */
const tokensOf = (text: string): number[] =>
  (text.match(/\[TOOL_CALLS\]|\[ARGS\]|<\|python_tag\|>|[^]/g) ?? []).map((own) => heldTokens.indexOf(own));

/** Whether a text may be written, up to its end. */
export async function mayWrite(format: ResponseFormat, text: string): Promise<boolean> {
  const constraint = await constraints.make(format, [END]);
  try {
    for (const token of tokensOf(text)) {
      if (((constraint.allowed[token >> 5]! >>> (token & 31)) & 1) === 0) return false;
      await constraint.advance(token);
    }
    return constraint.mayEnd;
  } finally {
    constraint.dispose();
  }
}

/** A text at random. It often goes on with one of `likely`, as far as it may. Undefined if it does not end by itself soon. */
export async function writeAtRandom(
  format: ResponseFormat,
  random: SeededRandom,
  likely: readonly string[],
): Promise<string | undefined> {
  const constraint = await constraints.make(format, [END]);
  let text = "";
  let planned: number[] = [];
  try {
    for (let count = 0; count < 400; count++) {
      const { allowed } = constraint;
      const next = heldTokens.flatMap((_, id) => ((allowed[id >> 5]! >>> (id & 31)) & 1 ? [id] : []));
      expect(next.length).toBeGreaterThan(0);
      // Where only something certain may follow, such as another call, the end is as likely.
      const ending = planned.length > 0 ? 0 : next.length < 20 ? 0.6 : 0.04;
      if (constraint.isComplete || (constraint.mayEnd && random.uniform() < ending)) return text;
      const others = next.filter((id) => id !== END);
      if (planned.length === 0 && random.uniform() < 0.3)
        planned = tokensOf(likely[random.integer(likely.length)]!);
      const plan = planned.shift();
      const closing = others.filter((id) => /["}\]]/.test(heldTokens[id]!));
      const from = closing.length > 0 && random.uniform() < 0.5 ? closing : others;
      const id = plan !== undefined && others.includes(plan) ? plan : from[random.integer(from.length)]!;
      if (id !== plan) planned = [];
      text += heldTokens[id]!;
      await constraint.advance(id);
    }
    return undefined;
  } finally {
    constraint.dispose();
  }
}
