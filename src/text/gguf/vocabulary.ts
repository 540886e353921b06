// The vocabulary of a GGUF file: texts, kinds and scores of its tokens.
import { failTokenizer, readTokens, type TokenizerFacts } from "./special-tokens.js";

/** Kinds of tokens by the numbers that files hold. Others count as normal. */
const kinds = { unknown: 2, control: 3, userDefined: 4 } as const;

export interface Vocabulary {
  /**
   * By id. If two tokens have the same text, the earlier one gets a name that no text has: it keeps its place, and is never
   * found in a text.
   */
  readonly tokens: readonly string[];
  /** Ids of tokens that their makers added by hand. */
  readonly userDefined: ReadonlySet<number>;
  /** Tokens that are found in texts as a whole, before anything is cut. */
  readonly added: readonly AddedToken[];
}

/** In the form of tokenizer.json. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

export function readVocabulary(facts: TokenizerFacts): Vocabulary {
  const texts = readTokens(facts);
  const types = readNumbers(facts, "tokenizer.ggml.token_type", texts.length);
  const tokens = [...texts];
  const last = new Map(texts.map((text, id) => [text, id]));
  for (const [id, text] of texts.entries()) if (last.get(text) !== id) tokens[id] = `[duplicate ${id}]`;
  const strips = stripsAfter(facts);
  const hasMarkedSpaces = facts.value("tokenizer.ggml.model") === "llama";
  // Where a word begins with the space in front of it, the mask is a word.
  const mask = facts.value("tokenizer.ggml.mask_token_id");
  const isSpaceInWord = facts.value("tokenizer.ggml.model") !== "bert";
  const added: AddedToken[] = [];
  const userDefined = new Set<number>();
  for (const [id, type] of types?.entries() ?? []) {
    const isSpecial = type === kinds.control || type === kinds.unknown;
    const content = tokens[id]!;
    if (type === kinds.userDefined) userDefined.add(id);
    // Runs of spaces are found by merging, as they were in the original, and not before.
    if (hasMarkedSpaces && /^ +$/.test(content)) {
      tokens[id] = content.replaceAll(" ", "▁");
      continue;
    }
    if (content === "" || (!isSpecial && type !== kinds.userDefined)) continue;
    added.push({
      id,
      content,
      single_word: false,
      lstrip: id === mask && isSpaceInWord,
      rstrip: strips(content),
      normalized: false,
      special: isSpecial,
    });
  }
  return { tokens, added, userDefined };
}

/** The score of each token. @throws FormatError when there are fewer scores than tokens, or one is no number. */
export function readScores(facts: TokenizerFacts, count: number): readonly number[] {
  const key = "tokenizer.ggml.scores";
  const scores = readNumbers(facts, key, count);
  if (!scores) return failTokenizer(facts, key, `a list of ${count} numbers`, undefined);
  const wrong = scores.findIndex((score) => Number.isNaN(score));
  return wrong < 0 ? scores : failTokenizer(facts, key, "numbers", String(scores[wrong]));
}

function readNumbers(facts: TokenizerFacts, key: string, count: number): readonly number[] | undefined {
  const values = facts.value(key);
  if (values === undefined) return undefined;
  if (Array.isArray(values) && values.length === count && values.every((value) => typeof value === "number"))
    return values;
  const received = Array.isArray(values) ? `a list of ${values.length}` : values;
  return failTokenizer(facts, key, `a list of ${count} numbers, one per token`, received);
}

/**
 * Whether white space after a token is left out. Files do not say it; models of this name were trained so, and other readers of
 * GGUF go by the name as well.
 */
function stripsAfter(facts: TokenizerFacts): (content: string) => boolean {
  const name = facts.value("general.name");
  if (typeof name !== "string" || !/phi-?3/i.test(name)) return () => false;
  return (content) => !["<unk>", "<s>", "<|endoftext|>"].includes(content);
}
