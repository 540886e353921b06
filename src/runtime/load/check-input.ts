// Checks what callers pass to a loaded model: sentences as token ids, and the options that all calls have. Every wing of
// the runtime may use it; ranges of single numbers are checked by util/check.ts.
import { ArgumentError } from "../../errors.js";
import { checkReal, checkWholeOrAuto } from "../../util/check.js";

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
export function checkList<S>(sentences: readonly S[]): readonly S[] {
  if (Array.isArray(sentences) && sentences.length > 0) return sentences;
  throw new ArgumentError({
    argument: "sentences",
    expected: "a non-empty array of sentences, each an array of token ids",
    received: sentences,
    remedy: "Pass at least one sentence; text is turned into ids by model.encode(text).",
  });
}

/** A list of token ids, of whatever length and content. */
export function checkIds(
  sentence: readonly number[] | Uint32Array,
  argument: string,
): readonly number[] | Uint32Array {
  if (Array.isArray(sentence) || sentence instanceof Uint32Array) return sentence;
  throw new ArgumentError({
    argument,
    expected: "an array of token ids",
    received: sentence,
    remedy: "Turn text into ids by model.encode(text).",
  });
}

/** Token ids as the GPU takes them. Checks that every sentence is a list of 1…contextLength ids below `vocabulary`. */
export function checkSentences(
  sentences: readonly (readonly number[] | Uint32Array)[],
  limits: { readonly contextLength: number; readonly vocabulary: number },
): Uint32Array[] {
  return checkList(sentences).map((sentence, index) =>
    checkSentence(sentence, `sentences[${index}]`, limits),
  );
}

/** Checks one sentence as `checkSentences` does. */
export function checkSentence(
  sentence: readonly number[] | Uint32Array,
  argument: string,
  { contextLength, vocabulary }: { readonly contextLength: number; readonly vocabulary: number },
): Uint32Array {
  checkIds(sentence, argument);
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

/** The error for text where only token ids can be used. */
export function needsTokenizer(argument: string): ArgumentError {
  return new ArgumentError({
    argument,
    expected: "token ids, as this model came without tokenizer.json",
    received: "text",
    remedy: "Pass arrays of token ids, or add the tokenizer to the model's folder.",
  });
}
