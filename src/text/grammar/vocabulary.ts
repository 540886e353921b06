// The tokens of a vocabulary as the grammar library takes them: how each is spelt, and what the spelling means.
import { ArgumentError } from "../../errors.js";
import { forEachToken, hasByteTokens } from "../tokenizer-json.js";

export interface TokenSpellings {
  /** By id. Empty for ids that stand for no text, special tokens among them: they are no part of what a grammar allows. */
  readonly spellings: readonly string[];
  /** "byte_level": a character per byte. "byte_fallback": "▁" for a space, and "<0x0A>" for bytes. */
  readonly kind: "byte_level" | "byte_fallback";
}

/** @throws ArgumentError for a tokenizer whose tokens are no pieces of text, such as WordPiece. */
export function readSpellings(tokenizerJson: object, vocabularySize: number): TokenSpellings {
  const spellings = Array.from({ length: vocabularySize }, () => "");
  forEachToken(tokenizerJson, (id, spelling, isSpecial) => {
    if (typeof id === "number" && id < vocabularySize)
      spellings[id] = typeof spelling === "string" && !isSpecial ? spelling : "";
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
