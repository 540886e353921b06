// What calls take as a text, and how it becomes tokens: with the tokenizer's template around it, a prompt in front, and cut where it
// is longer than the model takes.
import { ArgumentError } from "../../errors.js";
import type { TextTokenizer, TokenTemplate } from "../../text/tokenizer.js";
import { checkChoice } from "../../util/check.js";
import { isRecord } from "../../util/json-value.js";
import {
  checkIds,
  checkSentence,
  checkTokenTypes,
  expectNoPadding,
  type Sentence,
} from "../load/check-input.js";
import type { SentenceSettings } from "../load/sentence-files.js";
import type { LoadedModel } from "../load/loaded-model.js";

/** Two texts that are read together, each a text or its token ids without those that the tokenizer puts around it. */
export type TextPair = readonly [first: string | Sentence, second: string | Sentence];

/** Tokens that are taken as they are, with the types that tell apart the texts of a pair. */
export interface EncodedText {
  readonly ids: Sentence;
  /** Default: 0 for all. */
  readonly tokenTypes?: Sentence;
}

/** A text, a pair of texts, or token ids, which are taken as they are. */
export type TextLike = string | TextPair | Sentence | EncodedText;

/** A text that is ready for the model. */
export interface ReadyText {
  readonly ids: Uint32Array;
  /** Undefined if all are 0. */
  readonly tokenTypes: Uint32Array | undefined;
  /** Tokens of a prompt that do not count, from the first on. */
  readonly skipped: number;
  readonly isCut: boolean;
}

export interface EncodeSettings {
  readonly loaded: LoadedModel;
  /** What files of sentence-transformers say. */
  readonly sentence: SentenceSettings | undefined;
  readonly tokenizer: () => Promise<TextTokenizer>;
  /** What happens to texts of too many tokens. Default: "cut". */
  readonly tooLong: "cut" | "refuse" | undefined;
  /** What is put before every text. Default: nothing. */
  readonly prompt?: string;
  /** Whether the tokens of the prompt count. */
  readonly includesPrompt?: boolean;
}

export class TextEncoder {
  readonly #settings: EncodeSettings;
  readonly #tooLong: "cut" | "refuse";
  readonly #templates = new Map<boolean, TokenTemplate>();
  #tokenizer: TextTokenizer | undefined;
  #promptTokens: number | undefined;

  constructor(settings: EncodeSettings) {
    this.#settings = settings;
    this.#tooLong = checkChoice("tooLong", settings.tooLong, "cut", ["cut", "refuse"]);
  }

  /** The most tokens of a text, by the model's files. */
  get mostTokens(): number {
    const { loaded, sentence } = this.#settings;
    const { config, textFiles } = loaded;
    const own = (textFiles.tokenizerConfig as { model_max_length?: unknown } | undefined)?.model_max_length;
    const limits = [sentence?.maxTokens, typeof own === "number" ? own : undefined];
    return Math.min(config.contextLength, ...limits.filter((limit) => limit !== undefined));
  }

  /** @throws ArgumentError that names `argument`, such as "texts[3]". */
  async encode(text: TextLike, argument: string): Promise<ReadyText> {
    const { prompt = "" } = this.#settings;
    if (typeof text === "string")
      return this.#assemble(argument, true, await this.#tokensOf(text, argument, prompt));
    if (isPair(text)) {
      const first = await this.#tokensOf(text[0], argument, prompt);
      const second = await this.#tokensOf(text[1], argument, "");
      return this.#assemble(argument, typeof text[0] === "string", first, second);
    }
    return this.#checked(argument, text);
  }

  /** Ids that are taken as they are. */
  #checked(argument: string, text: Sentence | EncodedText): ReadyText {
    const { ids, tokenTypes }: EncodedText =
      isRecord(text) && "ids" in text ? (text as EncodedText) : { ids: text as Sentence };
    const checked = this.#sentence(argument, checkIds(ids, argument));
    const types = this.#settings.loaded.config.tokenTypes;
    const own = checkTokenTypes(tokenTypes && [tokenTypes], [checked], types)?.[0];
    return { ids: checked, tokenTypes: own, skipped: 0, isCut: false };
  }

  async #tokensOf(text: string | Sentence, argument: string, prompt: string): Promise<readonly number[]> {
    if (typeof text !== "string") return [...checkIds(text, argument)];
    this.#tokenizer ??= await this.#settings.tokenizer();
    const own = this.#settings.sentence?.isLowerCase ? text.toLowerCase() : text;
    return this.#tokenizer.encode(`${prompt}${own}`, { addSpecialTokens: false });
  }

  async #template(isPairOfTexts: boolean): Promise<TokenTemplate> {
    const known = this.#templates.get(isPairOfTexts);
    if (known) return known;
    this.#tokenizer ??= await this.#settings.tokenizer();
    const template = this.#tokenizer.template(isPairOfTexts);
    this.#templates.set(isPairOfTexts, template);
    return template;
  }

  async #assemble(
    argument: string,
    /** Whether the prompt is in front: it is not put before ids. */
    hasPrompt: boolean,
    first: readonly number[],
    second?: readonly number[],
  ): Promise<ReadyText> {
    const template = await this.#template(second !== undefined);
    const most = this.mostTokens;
    const special = template.filter(({ of }) => of === "special").length;
    const whole = special + first.length + (second?.length ?? 0);
    if (whole > most && this.#tooLong === "refuse") {
      throw new ArgumentError({
        argument,
        expected: `at most ${most} tokens`,
        received: whole,
        remedy: 'Shorten the text, or pass tooLong: "cut".',
      });
    }
    const [firstCount, secondCount] = lengthsWithin(
      first.length,
      second?.length ?? 0,
      Math.max(0, most - special),
    );
    const [ids, types]: [number[], number[]] = [[], []];
    const add = (own: readonly number[], type: number): void => {
      for (const id of own) {
        ids.push(id);
        types.push(type);
      }
    };
    for (const { of, id, type } of template)
      if (of === "special") add([id!], type);
      else if (of === "first") add(first.slice(0, firstCount), type);
      else add(second!.slice(0, secondCount), type);
    const checked = this.#sentence(argument, ids.slice(0, most));
    const hasTypes = this.#settings.loaded.config.tokenTypes > 1 && types.some((type) => type > 0);
    return {
      ids: checked,
      tokenTypes: hasTypes ? Uint32Array.from(types.slice(0, most)) : undefined,
      skipped: hasPrompt ? Math.min(this.#skipped(template), checked.length - 1) : 0,
      isCut: whole > most,
    };
  }

  #sentence(argument: string, ids: Sentence): Uint32Array {
    const { contextLength, vocabularySize: vocabulary, paddingToken } = this.#settings.loaded.config;
    const checked = checkSentence(ids, argument, { contextLength, vocabulary });
    expectNoPadding([checked], paddingToken, () => argument);
    return checked;
  }

  /** The tokens of the prompt with those in front of it, if they do not count. */
  #skipped(template: TokenTemplate): number {
    const { prompt = "", includesPrompt = true } = this.#settings;
    if (prompt === "" || includesPrompt) return 0;
    this.#promptTokens ??= this.#tokenizer!.encode(prompt, { addSpecialTokens: false }).length;
    return template.findIndex(({ of }) => of === "first") + this.#promptTokens;
  }
}

const isPart = (part: unknown): boolean =>
  typeof part === "string" || Array.isArray(part) || ArrayBuffer.isView(part);

export function isPair(text: unknown): text is TextPair {
  if (!Array.isArray(text) || text.length !== 2) return false;
  return text.every(isPart);
}

/**
 * How many tokens of two texts are kept within `most`: the longer is cut first, and then both to halves. As the field's own
 * tokenizers do it: "longest_first" of github.com/huggingface/tokenizers.
 */
export function lengthsWithin(first: number, second: number, most: number): readonly [number, number] {
  if (first + second <= most) return [first, second];
  let [less, more] = first <= second ? [first, second] : [second, first];
  more = less > most ? less : Math.max(less, most - less);
  if (less + more > most) {
    less = Math.floor(most / 2);
    more = less + (most % 2);
  }
  return first <= second ? [less, more] : [more, less];
}
