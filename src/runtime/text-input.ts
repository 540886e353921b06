// Turns what callers pass, text or token ids, into the ids of sentences.
import { ArgumentError } from "../errors.js";
import { loadTokenizer, type TextTokenizer } from "../text/tokenizer.js";
import type { ModelConfig } from "../families/model-config.js";
import type { TextFiles } from "./load/loaded-model.js";
import { checkIds, checkList, checkSentences, needsTokenizer, type Sentence } from "./load/check-input.js";

export class TextInput {
  readonly #files: TextFiles;
  readonly #config: ModelConfig;
  #tokenizer: Promise<TextTokenizer> | undefined;

  constructor(files: TextFiles, config: ModelConfig) {
    this.#files = files;
    this.#config = config;
  }

  /** Returns the tokenizer, which is loaded at the first call. Throws ArgumentError if the model has none. */
  tokenizer(): Promise<TextTokenizer> {
    const { tokenizer, tokenizerConfig, unreadable } = this.#files;
    if (tokenizer === undefined) throw needsTokenizer("text", unreadable);
    this.#tokenizer ??= loadTokenizer(tokenizer, tokenizerConfig);
    return this.#tokenizer;
  }

  /**
   * Returns ids with the begin token in front of texts, if the model has one, so that all tokens of a text are scored. Some
   * tokenizers put it there themselves.
   */
  async encodeForScore(sentences: readonly (string | Sentence)[]): Promise<readonly number[][]> {
    const { beginToken } = this.#config;
    const ids: number[][] = [];
    for (const [index, sentence] of checkList(sentences).entries()) {
      const encoded = await this.#idsOf(sentence, index);
      const tokens =
        typeof sentence === "string" && beginToken !== undefined && encoded[0] !== beginToken
          ? [beginToken, ...encoded]
          : [...encoded];
      if (tokens.length < 2) {
        throw new ArgumentError({
          argument: `sentences[${index}]`,
          expected: "at least 2 tokens, as the first has nothing before it",
          received: sentence,
          remedy: "Leave empty sentences out.",
        });
      }
      ids.push(tokens);
    }
    return ids;
  }

  /** Returns ids with the begin token in front of texts and the end token behind, if the model has them. Of any length. */
  async encodeForTraining(sentences: readonly (string | Sentence)[]): Promise<number[][]> {
    const { beginToken, endTokens, contextLength, vocabularySize: vocabulary } = this.#config;
    const encoded: number[][] = [];
    for (const [index, sentence] of checkList(sentences).entries()) {
      const ids = await this.#idsOf(sentence, index);
      const frame = (token: number | undefined, found: number | undefined): number[] =>
        typeof sentence === "string" && token !== undefined && token !== found ? [token] : [];
      const whole = [
        ...frame(beginToken, ids[0]),
        ...ids,
        ...frame(endTokens[0], ids.length > 1 ? ids.at(-1) : undefined),
      ];
      for (let first = 0; first < whole.length; first += contextLength)
        checkSentences([whole.slice(first, first + contextLength)], { contextLength, vocabulary });
      encoded.push(whole);
    }
    return encoded;
  }

  async #idsOf(sentence: string | Sentence, index: number): Promise<readonly number[] | Uint32Array> {
    if (typeof sentence === "string") return (await this.tokenizer()).encode(sentence);
    return checkIds(sentence, `sentences[${index}]`);
  }
}
