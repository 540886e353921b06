// Checks what callers pass to a model, where it enters. Every failure says what was expected, what came, and what to do.
import { ArgumentError } from "../errors.js";
import type { Fence, Placement } from "../plan/vocabulary.js";

/** A whole number in [least, most], or `missing` when undefined. */
export function checkWhole(
  argument: string,
  value: number | undefined,
  missing: number,
  range: {
    readonly least: number;
    readonly most: number;
    readonly multipleOf?: number;
    readonly remedy: string;
  },
): number {
  if (value === undefined) return missing;
  const { least, most, multipleOf = 1 } = range;
  if (Number.isInteger(value) && value >= least && value <= most && value % multipleOf === 0) return value;
  throw new ArgumentError({
    argument,
    expected: `a ${multipleOf === 1 ? "whole number" : `multiple of ${multipleOf}`} from ${least} to ${most}`,
    received: value,
    remedy: range.remedy,
  });
}

/** As `checkWhole`, or "auto". */
export function checkWholeOrAuto(
  argument: string,
  value: number | "auto" | undefined,
  missing: number | "auto",
  range: Parameters<typeof checkWhole>[3],
): number | "auto" {
  if (value === "auto" || (value === undefined && missing === "auto")) return "auto";
  return checkWhole(argument, value, missing as number, {
    ...range,
    remedy: `${range.remedy} "auto" leaves it to what was measured.`,
  });
}

/** One of `choices`, or `missing` when undefined. */
export function checkChoice<C extends string>(
  argument: string,
  value: C | undefined,
  missing: C,
  choices: readonly C[],
): C {
  if (value === undefined) return missing;
  if (choices.includes(value)) return value;
  throw new ArgumentError({
    argument,
    expected: `one of ${choices.join(", ")}`,
    received: value,
    remedy: `Leave it out for "${missing}".`,
  });
}

/** Milliseconds above 0, or undefined for no bound. */
export function checkGpuBudget(value: number | undefined): number | undefined {
  if (value === undefined || (Number.isFinite(value) && value > 0)) return value;
  throw new ArgumentError({
    argument: "gpuBudgetMs",
    expected: "a number of milliseconds above 0",
    received: value,
    remedy: "About 8 keeps a page at frame rate; leave it out for no bound.",
  });
}

export const fences: readonly Fence[] = ["sentence", "prefix"];
export const placements: readonly (Placement | "auto")[] = ["auto", "affine", "spread"];

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

/** As `checkSentences`, for one. */
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
