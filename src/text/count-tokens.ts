// How many ids a tokenizer has. A model's vocabulary is often padded beyond them.
import { isRecord } from "../util/json-value.js";

/** One more than the largest id of a parsed tokenizer.json; 0 if there is none. */
export function countTokens(tokenizerJson: unknown): number {
  if (!isRecord(tokenizerJson)) return 0;
  const { model, added_tokens: added } = tokenizerJson;
  const vocabulary = isRecord(model) ? model["vocab"] : undefined;
  let count = 0;
  const see = (id: unknown): void => {
    if (typeof id === "number" && id >= count) count = id + 1;
  };
  // A list where the order gives the ids, as in Unigram models.
  if (Array.isArray(vocabulary)) see(vocabulary.length - 1);
  else if (isRecord(vocabulary)) for (const key in vocabulary) see(vocabulary[key]);
  if (Array.isArray(added)) for (const token of added) if (isRecord(token)) see(token["id"]);
  return count;
}
