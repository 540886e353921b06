// Turns text into token ids and back: an adapter over @huggingface/tokenizers, which is loaded when first used.
import type { Tokenizer } from "@huggingface/tokenizers";
import { ArgumentError, FormatError } from "../errors.js";
import { checkPatterns } from "./pattern-check.js";
import { isRecord, showJson } from "../util/json-value.js";

/** Turns text into token ids and back. */
export interface TextTokenizer {
  /** The token that ends a text, if tokenizer_config.json names one that is in the vocabulary. */
  readonly endToken: number | undefined;
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
  const library = await import("@huggingface/tokenizers");
  try {
    const config = {
      // The library looks for the unknown token in tokenizer_config.json only.
      ...unknownToken(tokenizerJson),
      ...tokenizerConfig,
      // Would remove spaces before punctuation, but decode(encode(text)) has to be the text, whatever files say.
      clean_up_tokenization_spaces: false,
    };
    const json = withAllDigits(tokenizerJson);
    const tokenizer = new library.Tokenizer(json, config);
    const plain = (): Tokenizer => new library.Tokenizer(withoutSpecialTokens(json), config);
    return new HuggingFaceTokenizer(tokenizer, plain, tokenizerConfig);
  } catch (cause) {
    const problem = `expected a tokenizer, received: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new FormatError({ file: "tokenizer.json", problem, remedy, cause });
  }
}

const remedy = "Copy tokenizer.json and tokenizer_config.json from the model's folder again.";

class HuggingFaceTokenizer implements TextTokenizer {
  readonly endToken: number | undefined;
  readonly #tokenizer: Tokenizer;
  /** Makes one that does not know special tokens within texts. */
  readonly #makePlain: () => Tokenizer;
  #plain: Tokenizer | undefined;

  constructor(tokenizer: Tokenizer, makePlain: () => Tokenizer, config: object | undefined) {
    this.#tokenizer = tokenizer;
    this.#makePlain = makePlain;
    const text = endTokenText(config);
    this.endToken = text === undefined ? undefined : tokenizer.token_to_id(text);
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

/**
 * The same tokenizer, where a pre-tokenizer that takes digits apart knows those of all scripts, as it does in the field's own
 * implementation: the library knows 0 to 9 only.
 */
function withAllDigits(tokenizerJson: object): object {
  const rewrite = (step: unknown): unknown => {
    if (!isRecord(step)) return step;
    const { type, pretokenizers } = step;
    if (Array.isArray(pretokenizers)) return { ...step, pretokenizers: pretokenizers.map(rewrite) };
    if (type !== "Digits") return step;
    const Regex = step["individual_digits"] ? String.raw`\p{N}` : String.raw`\p{N}+`;
    return { type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false };
  };
  if (!("pre_tokenizer" in tokenizerJson)) return tokenizerJson;
  return { ...tokenizerJson, pre_tokenizer: rewrite(tokenizerJson.pre_tokenizer) };
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

/** The text of the end token. tokenizer_config.json holds the text itself, or an object with it. */
function endTokenText(config: object | undefined): string | undefined {
  const token: unknown = config && "eos_token" in config ? config.eos_token : undefined;
  const text: unknown = typeof token === "object" && token && "content" in token ? token.content : token;
  return typeof text === "string" ? text : undefined;
}

function checkObject(value: unknown, file: string): asserts value is object {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  const received = value === null || Array.isArray(value) ? showJson(value) : typeof value;
  throw new FormatError({ file, problem: `expected a JSON object, received ${received}`, remedy });
}
