// How many ids a tokenizer has. A model's vocabulary is often padded beyond them.
import { forEachToken } from "./tokenizer-json.js";

/** One more than the largest id of a parsed tokenizer.json; 0 if there is none. */
export function countTokens(tokenizerJson: unknown): number {
  let count = 0;
  forEachToken(tokenizerJson, (id) => {
    if (typeof id === "number" && id >= count) count = id + 1;
  });
  return count;
}
