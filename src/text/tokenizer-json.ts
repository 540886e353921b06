// What is in a parsed tokenizer.json, for those who need its tokens without the library that makes a tokenizer of it.
import { isRecord } from "../util/json-value.js";

/** Calls `see` with every token of the vocabulary, and then with those that are added to it. Ids and spellings are as the file has them. */
export function forEachToken(
  tokenizerJson: unknown,
  see: (id: unknown, spelling: unknown, isSpecial: boolean) => void,
): void {
  if (!isRecord(tokenizerJson)) return;
  const { model, added_tokens: added } = tokenizerJson;
  const vocabulary = isRecord(model) ? model["vocab"] : undefined;
  // A list where the order gives the ids, as in Unigram models.
  if (Array.isArray(vocabulary))
    for (const [id, entry] of vocabulary.entries())
      see(id, Array.isArray(entry) ? entry[0] : undefined, false);
  else if (isRecord(vocabulary))
    for (const spelling in vocabulary) see(vocabulary[spelling], spelling, false);
  if (!Array.isArray(added)) return;
  for (const token of added)
    if (isRecord(token)) see(token["id"], token["content"], Boolean(token["special"]));
}

/** Whether its tokens are bytes, each written as a character. */
export function hasByteTokens(tokenizerJson: object): boolean {
  return "decoder" in tokenizerJson && JSON.stringify(tokenizerJson.decoder ?? null).includes('"ByteLevel"');
}
