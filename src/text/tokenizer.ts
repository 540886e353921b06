// Turns text into token ids and back: an adapter over @huggingface/tokenizers, which is loaded when first used.
import type { Tokenizer } from "@huggingface/tokenizers";
import { ArgumentError, FormatError } from "../errors.js";
import { checkPatterns } from "./pattern-check.js";
import { hasByteTokens } from "./tokenizer-json.js";
import { isRecord, showJson } from "../util/json-value.js";
import { loadPart } from "../util/load-part.js";

/** Turns text into token ids and back. */
export interface TextTokenizer {
  /** The token that ends a text, if tokenizer_config.json names one that is in the vocabulary. */
  readonly endToken: number | undefined;
  /** The token that stands for a hidden one, if tokenizer_config.json names one that is in the vocabulary. */
  readonly maskToken: number | undefined;
  /** Whether tokens are bytes, each written as a character. */
  readonly isByteLevel: boolean;
  /** What is put around a text, or around the two texts of a pair. */
  template(isPair: boolean): TokenTemplate;
  /** A text as the vocabulary spells it: lower case, without accents, or whatever else the tokenizer does before it cuts. */
  normalise(text: string): string;
  /** How the vocabulary spells a token: "##ing", "▁the", or bytes as characters. @throws ArgumentError for an unknown id. */
  spelling(id: number): string;
  /**
   * The ids of `text`, with the special tokens that the tokenizer adds by itself, unless `addSpecialTokens` is false.
   * What the vocabulary cannot express becomes its unknown token, or is left out if there is none.
   */
  encode(text: string, options?: EncodeOptions): number[];
  /** The text of `ids`. Bytes that form no character become U+FFFD. @throws ArgumentError for an unknown id. */
  decode(ids: readonly number[], options?: DecodeOptions): string;
  /** The text of one token, special ones included. @throws ArgumentError for an unknown id. */
  tokenText(id: number): string;
}

/** A part of an encoded text: special tokens, or the tokens of the first or the second text. Its tokens are of one type. */
export interface TemplatePart {
  readonly of: "special" | "first" | "second";
  /** Of "special". */
  readonly id?: number;
  readonly type: number;
}

export type TokenTemplate = readonly TemplatePart[];

/** How text becomes ids. */
export interface EncodeOptions {
  /** Whether the tokenizer adds those that it puts around a text. Default: true. */
  readonly addSpecialTokens?: boolean;
  /** Whether what reads like a special token within the text, such as "<|end|>", is that token or mere text. Default: "tokens". */
  readonly specialTokens?: "tokens" | "text";
}

/** How ids become text. */
export interface DecodeOptions {
  /** Leaves special tokens such as <|endoftext|> out. Default: false. */
  readonly skipSpecialTokens?: boolean;
  /** Gives ids without a token no text, instead of refusing them: a model may have more ids than its tokenizer. */
  readonly skipUnknown?: boolean;
}

/**
 * The tokenizer that a parsed tokenizer.json describes, with tokenizer_config.json if there is one.
 * @throws FormatError when it is not a tokenizer, or one of an unknown kind.
 */
export async function loadTokenizer(
  tokenizerJson: unknown,
  tokenizerConfig?: unknown,
): Promise<TextTokenizer> {
  checkObject(tokenizerJson, "tokenizer.json");
  if (tokenizerConfig !== undefined) checkObject(tokenizerConfig, "tokenizer_config.json");
  checkPatterns(tokenizerJson);
  const { makeTokenizer } = await loadPart(import("./library-tokenizer.js"));
  try {
    const config = {
      // The library looks for the unknown token in tokenizer_config.json only.
      ...unknownToken(tokenizerJson),
      ...tokenizerConfig,
      // Would remove spaces before punctuation, but decode(encode(text)) has to be the text, whatever files say.
      clean_up_tokenization_spaces: false,
    };
    const tokenizer = makeTokenizer(tokenizerJson, config);
    const plain = (): Tokenizer => makeTokenizer(withoutSpecialTokens(tokenizerJson), config);
    return new HuggingFaceTokenizer(tokenizer, plain, tokenizerConfig, hasByteTokens(tokenizerJson));
  } catch (cause) {
    const problem = `expected a tokenizer, received: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new FormatError({ file: "tokenizer.json", problem, remedy, cause });
  }
}

const remedy = "Copy tokenizer.json and tokenizer_config.json from the model's folder again.";

/** Stand for the tokens of texts in a template. No token of a vocabulary is spelt so. */
const [FIRST, SECOND] = ["\0first", "\0second"] as const;

class HuggingFaceTokenizer implements TextTokenizer {
  readonly endToken: number | undefined;
  readonly maskToken: number | undefined;
  readonly isByteLevel: boolean;
  readonly #tokenizer: Tokenizer;
  /** Makes one that does not know special tokens within texts. */
  readonly #makePlain: () => Tokenizer;
  #plain: Tokenizer | undefined;

  constructor(
    tokenizer: Tokenizer,
    makePlain: () => Tokenizer,
    config: object | undefined,
    isByteLevel: boolean,
  ) {
    this.isByteLevel = isByteLevel;
    this.#tokenizer = tokenizer;
    this.#makePlain = makePlain;
    const idOf = (key: string): number | undefined => {
      const text = tokenTextOf(config, key);
      return text === undefined ? undefined : tokenizer.token_to_id(text);
    };
    this.endToken = idOf("eos_token");
    this.maskToken = idOf("mask_token");
  }

  template(isPair: boolean): TokenTemplate {
    const processor = this.#tokenizer.post_processor;
    const processed = processor?.post_process([FIRST], isPair ? [SECOND] : null, true);
    const tokens = processed?.tokens ?? [FIRST];
    const parts = tokens.map((token, index): TemplatePart => {
      const type = processed?.token_type_ids?.[index] ?? 0;
      if (token === FIRST) return { of: "first", type };
      if (token === SECOND) return { of: "second", type };
      return { of: "special", id: this.#tokenizer.token_to_id(token)!, type };
    });
    // Some say nothing of pairs: then the texts follow one another.
    return !isPair || tokens.includes(SECOND) ? parts : [...parts, { of: "second", type: 0 }];
  }

  normalise(text: string): string {
    return this.#tokenizer.normalizer?.normalize(text) ?? text;
  }

  spelling(id: number): string {
    return this.#tokenizer.id_to_token(this.#checkId(id))!;
  }

  encode(text: string, { addSpecialTokens = true, specialTokens = "tokens" }: EncodeOptions = {}): number[] {
    const tokenizer = specialTokens === "tokens" ? this.#tokenizer : (this.#plain ??= this.#makePlain());
    const { ids } = tokenizer.encode(text, { add_special_tokens: addSpecialTokens });
    // Words without an id are undefined here, whatever the library's types say.
    return ids.filter((id: number | undefined) => id !== undefined);
  }

  decode(ids: readonly number[], options: DecodeOptions = {}): string {
    const { skipSpecialTokens = false, skipUnknown = false } = options;
    const known = skipUnknown
      ? ids.filter((id) => this.#tokenizer.id_to_token(id) !== undefined)
      : ids.map((id) => this.#checkId(id));
    // The library does not accept an empty list.
    if (known.length === 0) return "";
    return this.#tokenizer.decode(known, { skip_special_tokens: skipSpecialTokens });
  }

  tokenText(id: number): string {
    return this.decode([id]);
  }

  #checkId(id: number): number {
    if (this.#tokenizer.id_to_token(id) !== undefined) return id;
    throw new ArgumentError({
      argument: "id",
      expected: "the id of a token of this tokenizer",
      received: id,
      remedy: "The model and the tokenizer may be of different folders.",
    });
  }
}

/** The same tokenizer, for which special tokens within a text are text like any other. */
function withoutSpecialTokens(tokenizerJson: object): object {
  const added: unknown = "added_tokens" in tokenizerJson ? tokenizerJson.added_tokens : [];
  if (!Array.isArray(added)) return tokenizerJson;
  return { ...tokenizerJson, added_tokens: added.filter((token) => !(isRecord(token) && token["special"])) };
}

/** The unknown token that tokenizer.json names. */
function unknownToken(tokenizerJson: object): { readonly unk_token?: string } {
  const model: unknown = "model" in tokenizerJson ? tokenizerJson.model : undefined;
  const text = isRecord(model) ? model["unk_token"] : undefined;
  return typeof text === "string" ? { unk_token: text } : {};
}

/** The text of a special token. tokenizer_config.json holds the text itself, or an object with it. */
function tokenTextOf(config: object | undefined, key: string): string | undefined {
  const token: unknown = isRecord(config) ? config[key] : undefined;
  const text: unknown = typeof token === "object" && token && "content" in token ? token.content : token;
  return typeof text === "string" ? text : undefined;
}

function checkObject(value: unknown, file: string): asserts value is object {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  const received = value === null || Array.isArray(value) ? showJson(value) : typeof value;
  throw new FormatError({ file, problem: `expected a JSON object, received ${received}`, remedy });
}
