// The tokens of a vocabulary as the grammar library takes them: how each is spelt, and what the spelling means.
import { ArgumentError } from "../../errors.js";
import { isRecord } from "../../util/json-value.js";

export interface TokenSpellings {
  /** By id. Empty for ids that stand for no text, special tokens among them: they are no part of what a grammar allows. */
  readonly spellings: readonly string[];
  /** "byte_level": a character per byte. "byte_fallback": "▁" for a space, and "<0x0A>" for bytes. */
  readonly kind: "byte_level" | "byte_fallback";
}

/** @throws ArgumentError for a tokenizer whose tokens are no pieces of text, such as WordPiece. */
export function readSpellings(tokenizerJson: unknown, vocabularySize: number): TokenSpellings {
  const { model, added_tokens: added, decoder } = tokenizerJson as Readonly<Record<string, unknown>>;
  const vocabulary = isRecord(model) ? model["vocab"] : undefined;
  const spellings = Array.from({ length: vocabularySize }, () => "");
  const put = (id: unknown, spelling: unknown): void => {
    if (typeof id === "number" && id < vocabularySize)
      spellings[id] = typeof spelling === "string" ? spelling : "";
  };
  // A list where the order gives the ids, as in Unigram models.
  if (Array.isArray(vocabulary))
    for (const [id, entry] of vocabulary.entries()) put(id, (entry as unknown[])[0]);
  else if (isRecord(vocabulary)) for (const [spelling, id] of Object.entries(vocabulary)) put(id, spelling);
  if (Array.isArray(added))
    for (const token of added)
      if (isRecord(token)) put(token["id"], token["special"] ? "" : token["content"]);
  if (JSON.stringify(decoder ?? null).includes('"ByteLevel"')) return { spellings, kind: "byte_level" };
  if (spellings.includes("<0x0A>")) return { spellings, kind: "byte_fallback" };
  throw new ArgumentError({
    argument: "responseFormat",
    expected: "a model whose tokens are bytes, or pieces of text with bytes among them",
    received: "another kind of tokenizer",
    remedy:
      "Models that predict the next token have such tokenizers: byte-level BPE, or SentencePiece with byte fallback.",
  });
}
