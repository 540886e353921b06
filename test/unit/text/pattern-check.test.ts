// Which regular expressions a tokenizer may have.
import { describe, expect, it } from "vitest";
import { FormatError } from "../../../src/errors.js";
import { checkPatterns, mayRunForEver } from "../../../src/text/pattern-check.js";

/** Those of GPT-2, Llama 3, GPT-4o, DeepSeek, CLIP, and simpler ones. */
const inUse = [
  String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?| ?[^\s\p{L}\p{N}]+[\r\n/]*`,
  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*",
  String.raw`<\|startoftext\|>|<\|endoftext\|>|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
  String.raw`[\p{Lu}&&[^\p{Han}]]*[\p{Han}]+`,
  " {2,}",
  String.raw`(?<=\s)\d+(?=\D)`,
  "(ab)+",
  "(ab|cd)?x+",
  "(a+)?b",
  String.raw`\(a+\)+`,
  "[(a+)]+",
];

const forEver = [
  "(a+)+$",
  "(a*)*",
  "(?:a|a)*b",
  "(?:\\p{L}+ ?)+x",
  "(a{1,})*",
  "((a|b)c)+",
  "(?:(?:a+)b)*",
  "(a+){2,}",
  "x(?<n>a*)+",
];

describe("expressions of tokenizers", () => {
  it.each(inUse)("may be %s", (pattern) => {
    expect(mayRunForEver(pattern)).toBe(false);
  });

  it.each(forEver)("may not be %s", (pattern) => {
    expect(mayRunForEver(pattern)).toBe(true);
  });

  it("are looked for in every step", () => {
    const bad = { type: "Split", pattern: { Regex: "(a+)+$" } };
    for (const step of ["normalizer", "pre_tokenizer", "decoder"])
      expect(() =>
        checkPatterns({ [step]: { type: "Sequence", pretokenizers: [{ type: "X" }, bad] } }),
      ).toThrow(FormatError);
    expect(() => checkPatterns({ pre_tokenizer: null, model: { vocab: { "(a+)+$": 0 } } })).not.toThrow();
  });
});
