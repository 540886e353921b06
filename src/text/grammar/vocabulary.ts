// The tokens of a vocabulary as the grammar library takes them: how each is spelt, and what the spelling means.
import { ArgumentError } from "../../errors.js";
import { forEachToken, hasByteTokens } from "../tokenizer-json.js";

export interface TokenSpellings {
  /** By id. Empty for ids that stand for no text, special tokens among them: they are no part of what a grammar allows. */
  readonly spellings: readonly string[];
  /** "byte_level": a character per byte. "byte_fallback": "▁" for a space, and "<0x0A>" for bytes. */
  readonly kind: "byte_level" | "byte_fallback";
}

/**
 * `written`: special tokens that stand for the text that they are spelt with.
 * @throws ArgumentError for a tokenizer whose tokens are no pieces of text, such as WordPiece.
 */
export function readSpellings(
  tokenizerJson: object,
  vocabularySize: number,
  written: readonly string[],
): TokenSpellings {
  const spellings = Array.from({ length: vocabularySize }, () => "");
  forEachToken(tokenizerJson, (id, spelling, isSpecial) => {
    if (typeof id === "number" && id < vocabularySize)
      spellings[id] =
        typeof spelling === "string" && (!isSpecial || written.includes(spelling)) ? spelling : "";
  });
  if (hasByteTokens(tokenizerJson)) return { spellings, kind: "byte_level" };
  if (spellings.includes("<0x0A>")) return { spellings, kind: "byte_fallback" };
  throw new ArgumentError({
    argument: "responseFormat",
    expected: "a model whose tokens are bytes, or pieces of text with bytes among them",
    received: "another kind of tokenizer",
    remedy:
      "Models that predict the next token have such tokenizers: byte-level BPE, or SentencePiece with byte fallback.",
  });
}

/** Those of `texts` that are special tokens, in order. */
export function specialTokensAmong(tokenizerJson: object, texts: readonly string[]): readonly string[] {
  const found = new Set<string>();
  if (texts.length > 0)
    forEachToken(tokenizerJson, (_, spelling, isSpecial) => {
      if (isSpecial && typeof spelling === "string" && texts.includes(spelling)) found.add(spelling);
    });
  return [...found].toSorted();
}
