// The tokens of a GGUF file that begin and end texts. Files name one end by its id; the others are known by their text.
import { FormatError } from "../../errors.js";
import { showJson } from "../../util/json-value.js";

/** What a file says under `tokenizer.`, as plain values. */
export interface TokenizerFacts {
  readonly fileName: string;
  /** Undefined if the file has no such key. */
  value(key: string): unknown;
}

export interface SpecialTokens {
  readonly begin: number | undefined;
  readonly end: number | undefined;
  readonly unknown: number | undefined;
  readonly separator: number | undefined;
  readonly padding: number | undefined;
  readonly classification: number | undefined;
  readonly mask: number | undefined;
  /** All that end a generation, the end token first. */
  readonly ends: readonly number[];
}

/** Texts of tokens that end a reply or a text, in whatever model. */
const endTexts: ReadonlySet<string> = new Set([
  "<|eot_id|>",
  "<|im_end|>",
  "<|end|>",
  "<|return|>",
  "<|call|>",
  "<end_of_turn>",
  "<|endoftext|>",
  "<|eom_id|>",
  "<|end_of_text|>",
  "<EOT>",
  "<eos>",
  "</s>",
  "_<EOT>",
  "[EOT]",
  // What stands between the files that a model of code completes: no text goes on after these.
  "<|fim_pad|>",
  "<fim-pad>",
  "<fim_pad>",
  "<PAD>",
  "[PAD]",
  "<|fim_repo|>",
  "<|repo_name|>",
  "<fim-repo>",
  "<REPO>",
  "<reponame>",
  "<|file_sep|>",
]);

/** Where files do not say it: what the tokenizers of this kind have in these places. */
const usual: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  llama: { bos: 1, eos: 2, unknown: 0 },
  bert: { unknown: 100, seperator: 102, padding: 0, cls: 101, mask: 103 },
  t5: { eos: 1, unknown: 2, padding: 0 },
};

/** The texts of all tokens, by id. @throws FormatError when they are missing or no texts. */
export function readTokens(facts: TokenizerFacts): readonly string[] {
  const tokens = facts.value("tokenizer.ggml.tokens");
  if (Array.isArray(tokens) && tokens.length > 0 && typeof tokens[0] === "string") return tokens as string[];
  return failTokenizer(facts, "tokenizer.ggml.tokens", "a list of texts", tokens);
}

/** An id that the vocabulary does not have counts as absent. */
export function readSpecialTokens(facts: TokenizerFacts, tokens: readonly string[]): SpecialTokens {
  const model = facts.value("tokenizer.ggml.model");
  const defaults = typeof model === "string" && Object.hasOwn(usual, model) ? usual[model]! : {};
  const id = (name: string): number | undefined => {
    const value = facts.value(`tokenizer.ggml.${name}_token_id`) ?? defaults[name];
    return Number.isSafeInteger(value) && tokens[value as number] !== undefined
      ? (value as number)
      : undefined;
  };
  const end = id("eos");
  const ends = [end, id("eot"), id("eom")];
  for (const [index, text] of tokens.entries()) if (endTexts.has(text)) ends.push(index);
  return {
    begin: id("bos"),
    end,
    unknown: id("unknown"),
    // So spelt in the files.
    separator: id("seperator"),
    padding: id("padding"),
    classification: id("cls"),
    mask: id("mask"),
    ends: [...new Set(ends.filter((own) => own !== undefined))],
  };
}

export function failTokenizer(
  facts: TokenizerFacts,
  key: string,
  expected: string,
  received: unknown,
): never {
  throw new FormatError({
    file: facts.fileName,
    problem: `${key}: expected ${expected}, received ${showJson(received)}`,
    remedy: "Choose another file of this model, or convert it again.",
  });
}
