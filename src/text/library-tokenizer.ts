// What is loaded with @huggingface/tokenizers: its tokenizer, made to do what the field's own implementation does.
import { Tokenizer } from "@huggingface/tokenizers";
import { isRecord } from "../util/json-value.js";
import { AddedTokenSplitter, asLibraryReads, type AddedToken } from "./tokenizer-rules.js";

/** The library's tokenizer for a tokenizer.json. @throws Error when it is of a kind that the library does not know. */
export function makeTokenizer(tokenizerJson: object, config: object): Tokenizer {
  const json = asLibraryReads(tokenizerJson);
  const { plain, tokens } = addedTokens(json);
  return withOwnSplitters(new Tokenizer({ ...json, added_tokens: plain }, config), tokens);
}

/** The added tokens of a tokenizer.json, and as the library gets them: without what it does in its own way. */
function addedTokens(json: object): {
  readonly plain: unknown;
  readonly tokens: readonly (AddedToken & { readonly isNormalised: boolean })[];
} {
  const added: unknown = "added_tokens" in json ? json.added_tokens : [];
  if (!Array.isArray(added)) return { plain: added, tokens: [] };
  const records = added.filter(isRecord);
  return {
    plain: added.map((own: unknown) => (isRecord(own) ? { ...own, lstrip: false, rstrip: false } : own)),
    tokens: records.flatMap(({ content, single_word, lstrip, rstrip, normalized, special }) =>
      typeof content === "string"
        ? {
            content,
            isSingleWord: single_word === true,
            takesLeft: lstrip === true,
            takesRight: rstrip === true,
            isNormalised: normalized === undefined ? special !== true : normalized === true,
          }
        : [],
    ),
  };
}

/** Has the library look for added tokens by weft's rules, which are those of the field's own implementation. */
function withOwnSplitters(tokenizer: Tokenizer, tokens: ReturnType<typeof addedTokens>["tokens"]): Tokenizer {
  const { normalizer } = tokenizer;
  const isLate = ({ isNormalised }: (typeof tokens)[number]): boolean => isNormalised && normalizer !== null;
  // No part of its types, and held by a test: texts are looked through before they are normalised, and once more after.
  const own: object = {
    splitter_unnormalized: new AddedTokenSplitter(tokens.filter((token) => !isLate(token))),
    splitter_normalized: new AddedTokenSplitter(
      tokens.filter(isLate).map((token) => ({ ...token, content: normalizer!.normalize(token.content) })),
    ),
  };
  return Object.assign(tokenizer, own);
}
