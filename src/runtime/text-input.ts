// Text on its way into a model, and out of it: what callers pass as text or as token ids becomes ids.
import { ArgumentError } from "../errors.js";
import { loadTokenizer, type TextTokenizer } from "../text/tokenizer.js";
import type { ModelConfig } from "../families/model-config.js";
import type { TextFiles } from "./load/loaded-model.js";
import { checkIds, checkList, checkSentences, needsTokenizer } from "./load/check-input.js";

/** Token ids of one sentence. */
export type Sentence = readonly number[] | Uint32Array;

export class TextInput {
  readonly #files: TextFiles;
  readonly #config: ModelConfig;
  #tokenizer: Promise<TextTokenizer> | undefined;

  constructor(files: TextFiles, config: ModelConfig) {
    this.#files = files;
    this.#config = config;
  }

  /** Loaded when it is first needed. Throws ArgumentError where the model came without one. */
  tokenizer(): Promise<TextTokenizer> {
    const { tokenizer, tokenizerConfig } = this.#files;
    if (tokenizer === undefined) throw needsTokenizer("text");
    this.#tokenizer ??= loadTokenizer(tokenizer, tokenizerConfig);
    return this.#tokenizer;
  }

  /** Text with the begin token in front, where the model has one, so that every token of it can be scored. */
  async encodeForScore(sentences: readonly (string | Sentence)[]): Promise<readonly number[][]> {
    const { beginToken } = this.#config;
    const ids: number[][] = [];
    for (const [index, sentence] of checkList(sentences).entries()) {
      const encoded = await this.#idsOf(sentence, index);
      const tokens =
        typeof sentence === "string" && beginToken !== undefined ? [beginToken, ...encoded] : [...encoded];
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

  /** Text between the begin and the end token, where the model has them; of any length. */
  async encodeForTraining(sentences: readonly (string | Sentence)[]): Promise<Sentence[]> {
    const { beginToken, endTokens, contextLength, vocabularySize: vocabulary } = this.#config;
    const encoded: Sentence[] = [];
    for (const [index, sentence] of checkList(sentences).entries()) {
      const ids = await this.#idsOf(sentence, index);
      const frame = (token: number | undefined): number[] =>
        typeof sentence === "string" && token !== undefined ? [token] : [];
      const whole = [...frame(beginToken), ...ids, ...frame(endTokens[0])];
      for (let first = 0; first < whole.length; first += contextLength)
        checkSentences([whole.slice(first, first + contextLength)], { contextLength, vocabulary });
      encoded.push(whole);
    }
    return encoded;
  }

  async #idsOf(sentence: string | Sentence, index: number): Promise<Sentence> {
    if (typeof sentence === "string") return (await this.tokenizer()).encode(sentence);
    return checkIds(sentence, `sentences[${index}]`);
  }
}
