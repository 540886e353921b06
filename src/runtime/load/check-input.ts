// Checks what callers pass to a loaded model: sentences as token ids, and the options that all calls have. Every wing of
// the runtime may use it; ranges of single numbers are checked by util/check.ts.
import { ArgumentError } from "../../errors.js";
import { predictsNext, type Recipe } from "../../families/recipe.js";
import { checkReal, checkWholeOrAuto } from "../../util/check.js";
import type { TextFiles } from "./loaded-model.js";

/** Token ids of one sentence. */
export type Sentence = readonly number[] | Uint32Array | Int32Array | BigInt64Array;

/** Milliseconds above 0, or undefined for no bound. */
export function checkGpuBudget(value: number | undefined): number | undefined {
  return checkReal("gpuBudgetMs", value, undefined, {
    least: 0,
    isAbove: true,
    remedy: "About 8 keeps a page at frame rate; leave it out for no bound.",
  });
}

/** k, from 1 to the context length, or "auto". */
export function checkSliceTokens(
  value: number | "auto" | undefined,
  missing: number | "auto",
  contextLength: number,
): number | "auto" {
  return checkWholeOrAuto("sliceTokens", value, missing, {
    least: 1,
    most: contextLength,
    remedy: "It is the number of tokens per slice, at most the model's context.",
  });
}

/** The sentences of a batch: a list with at least one. */
export function checkList<S>(sentences: readonly S[], argument = "sentences"): readonly S[] {
  const isOfTexts = argument !== "sentences";
  if (Array.isArray(sentences) && sentences.length > 0) return sentences;
  throw new ArgumentError({
    argument,
    expected: isOfTexts
      ? "a non-empty array of texts"
      : "a non-empty array of sentences, each an array of token ids",
    received: sentences,
    remedy: isOfTexts
      ? "Pass at least one: [text]."
      : "Pass at least one sentence; text is turned into ids by model.encode(text).",
  });
}

/** The ids of a text. One that begins with the begin token, as a rendered chat does, needs no second one in front. */
export function withoutSecondBegin(
  ids: readonly number[],
  beginToken: number | undefined,
): readonly number[] {
  return ids.length > 1 && ids[0] === beginToken && ids[1] === ids[0] ? ids.slice(1) : ids;
}

/** A list of token ids, of whatever length and content. */
export function checkIds(sentence: Sentence, argument: string): readonly number[] | Uint32Array {
  if (Array.isArray(sentence) || sentence instanceof Uint32Array) return sentence;
  if (sentence instanceof Int32Array || sentence instanceof BigInt64Array)
    return Array.from<number | bigint, number>(sentence, Number);
  throw new ArgumentError({
    argument,
    expected: "an array of token ids",
    received: sentence,
    remedy: "Turn text into ids by model.encode(text).",
  });
}

/** Token ids as the GPU takes them. Checks that every sentence is a list of 1…contextLength ids below `vocabulary`. */
export function checkSentences(
  sentences: readonly Sentence[],
  limits: { readonly contextLength: number; readonly vocabulary: number },
): Uint32Array[] {
  return checkList(sentences).map((sentence, index) =>
    checkSentence(sentence, `sentences[${index}]`, limits),
  );
}

/** Checks one sentence as `checkSentences` does. */
export function checkSentence(
  given: Sentence,
  argument: string,
  { contextLength, vocabulary }: { readonly contextLength: number; readonly vocabulary: number },
): Uint32Array {
  const sentence = checkIds(given, argument);
  if (sentence.length === 0 || sentence.length > contextLength) {
    throw new ArgumentError({
      argument,
      expected: `1 to ${contextLength} token ids (the model's context)`,
      received: sentence.length,
      remedy:
        sentence.length === 0 ? "Leave empty sentences out." : "Shorten the sentence or cut it into windows.",
    });
  }
  const wrong = sentence.findIndex((id: number) => !Number.isInteger(id) || id < 0 || id >= vocabulary);
  if (wrong < 0) return Uint32Array.from(sentence);
  throw new ArgumentError({
    argument: `${argument}[${wrong}]`,
    expected: `a token id: a whole number from 0 to ${vocabulary - 1}`,
    received: sentence[wrong],
    remedy: "The ids may come from another model's tokenizer.",
  });
}

/** The types of all tokens, as many as there are tokens, each below `tokenTypes`. */
export function checkTokenTypes(
  given: readonly Sentence[] | undefined,
  tokens: readonly Uint32Array[],
  tokenTypes: number,
): Uint32Array[] | undefined {
  if (given === undefined) return undefined;
  const isList = Array.isArray(given) && given.length === tokens.length;
  const wrong = isList
    ? given.findIndex((own, index) => !hasTypes(own, tokens[index]!.length, tokenTypes))
    : -1;
  if (isList && wrong < 0)
    return given.map((own, index) => Uint32Array.from(checkIds(own, `tokenTypes[${index}]`)));
  throw new ArgumentError({
    argument: isList ? `tokenTypes[${wrong}]` : "tokenTypes",
    expected: isList
      ? `${tokens[wrong]!.length} whole numbers from 0 to ${tokenTypes - 1}`
      : `a list for each of ${tokens.length} sentences`,
    received: isList ? given[wrong] : given,
    remedy: "Leave it out for models without types of tokens.",
  });
}

function hasTypes(own: unknown, length: number, tokenTypes: number): boolean {
  const isIds = own instanceof Int32Array || own instanceof Uint32Array || own instanceof BigInt64Array;
  if (!Array.isArray(own) && !isIds) return false;
  return (
    own.length === length &&
    Array.from(own as readonly number[], Number).every(
      (type) => Number.isInteger(type) && type >= 0 && type < tokenTypes,
    )
  );
}

/** Logits come from a head over the vocabulary, which most encoders have not; and only some heads say what comes next. */
export function expectHead(recipe: Pick<Recipe, "head" | "layers">, operation: string): void {
  if (operation === "forward" ? recipe.head : predictsNext(recipe)) return;
  throw new ArgumentError({
    argument: operation === "forward" ? "output" : "model",
    expected:
      operation === "forward" ? '"hidden", as this model is an encoder' : "a model that predicts tokens",
    received: operation === "forward" ? "logits" : "an encoder, which does not say what comes next",
    remedy: 'Ask an encoder for its rows: model.forward(sentences, { output: "hidden" }).',
  });
}

/** Only causal attention can begin before its sentence is complete. */
export function expectCausal({ layers }: Pick<Recipe, "layers">): void {
  if (layers.every(({ attention }) => attention.causal)) return;
  throw new ArgumentError({
    argument: "fence",
    expected: '"sentence", as tokens of this model see those behind them',
    received: "prefix",
    remedy: "Leave it out.",
  });
}

/** A model whose positions are counted without a padding token has none for it. */
export function expectNoPadding(
  tokens: readonly Uint32Array[],
  paddingToken: number | undefined,
  nameOf = (sentence: number): string => `sentences[${sentence}]`,
): void {
  if (paddingToken === undefined) return;
  const sentence = tokens.findIndex((own) => own.includes(paddingToken));
  if (sentence < 0) return;
  throw new ArgumentError({
    argument: nameOf(sentence),
    expected: `no padding token (${paddingToken}), as weft pads nothing`,
    received: [...tokens[sentence]!],
    remedy: "Leave padding out: sentences of a batch may have any lengths.",
  });
}

/** The error for text where only token ids can be used. */
export function needsTokenizer(argument: string, unreadable?: TextFiles["unreadable"]): ArgumentError {
  const reason = unreadable?.["tokenizer.json"];
  return new ArgumentError({
    argument,
    expected: `token ids, as this model came without tokenizer.json${reason === undefined ? "" : ` (${reason})`}`,
    received: "text",
    remedy:
      "Pass arrays of token ids, or add tokenizer.json to the model's folder: a tokenizer.model or vocab.json alone is not read, but " +
      "transformers saves such a tokenizer as tokenizer.json.",
  });
}
