// The likeliest tokens for those that a text hides.
import { ArgumentError } from "../../errors.js";
import { checkWhole } from "../../util/check.js";
import { checkOptionNames, type OptionNames } from "../../util/option-names.js";
import { checkList } from "../load/check-input.js";
import { forEachText, passOptions, type TextCalls, type TextOptions } from "./calls.js";
import { maskedHead } from "./masked-head.js";
import { TextEncoder, type TextLike } from "./input.js";
import { softmax } from "./labels.js";
import { textOptionNames } from "./options.js";

/** How hidden tokens are filled in. */
export interface FillMaskOptions extends TextOptions {
  /** How many of the likeliest tokens are returned. Default: 5. */
  readonly topK?: number;
}

/** A token that may stand where a text hides one. */
export interface MaskCandidate {
  readonly id: number;
  readonly text: string;
  /** Its probability among all tokens. */
  readonly score: number;
}

/** What may stand at one hidden place of a text. */
export interface FilledMask {
  /** Which token of the text is hidden, special tokens included. */
  readonly position: number;
  /** Likeliest first. */
  readonly candidates: readonly MaskCandidate[];
}

const optionNames: OptionNames<FillMaskOptions> = { topK: true, ...textOptionNames };

export async function fillMasks(
  calls: TextCalls,
  texts: readonly TextLike[],
  options: FillMaskOptions,
): Promise<FilledMask[][]> {
  checkOptionNames(options, optionNames);
  checkList(texts, "texts");
  const { loaded, run } = calls;
  const { vocabularySize } = loaded.config;
  const topK = checkWhole("topK", options.topK, Math.min(5, vocabularySize), {
    least: 1,
    most: vocabularySize,
  });
  const head = maskedHead(loaded, "fillMask");
  const tokenizer = await calls.tokenizer();
  const { maskToken } = tokenizer;
  if (maskToken === undefined) {
    throw new ArgumentError({
      argument: "model",
      expected: "a tokenizer_config.json that names mask_token",
      received: "none",
      remedy: "Copy tokenizer_config.json from the model's folder again.",
    });
  }
  const results: FilledMask[][] = [];
  await forEachText<FilledMask[]>(texts, {
    operation: "Filling masks",
    loaded,
    encoder: new MaskedEncoder(
      {
        loaded,
        sentence: loaded.textFiles.sentence,
        tokenizer: calls.tokenizer,
        tooLong: options.tooLong ?? "refuse",
      },
      maskToken,
      tokenizer.tokenText(maskToken),
    ),
    options,
    // The logits of hidden tokens are read back: with them, so many are in a pass that 16 MiB hold those.
    rowsOf: ({ ids }) => ids.length + placesOf(ids, maskToken).length * Math.ceil(vocabularySize / 512),
    compute: async (own) => {
      const chosen = own.map(({ ids }) => placesOf(ids, maskToken));
      const sentences = own.map(({ ids }) => ids);
      const values = await run(
        "fillMask",
        sentences,
        { kind: "chosen", chosen, head },
        passOptions(own, options.signal),
      );
      return values.map((logits, text) =>
        chosen[text]!.map((position, mask): FilledMask => {
          const scores = softmax(logits.subarray(mask * vocabularySize, (mask + 1) * vocabularySize));
          const candidates = largest(scores, topK).map((id) => ({
            id,
            text: textOf(tokenizer, id),
            score: scores[id]!,
          }));
          return { position, candidates };
        }),
      );
    },
    onResult: (index, masks) => void (results[index] = masks),
  });
  return results;
}

/** Refuses texts that hide nothing. */
class MaskedEncoder extends TextEncoder {
  readonly #mask: number;
  readonly #text: string;

  constructor(settings: ConstructorParameters<typeof TextEncoder>[0], mask: number, text: string) {
    super(settings);
    this.#mask = mask;
    this.#text = text;
  }

  override async encode(text: TextLike, argument: string): ReturnType<TextEncoder["encode"]> {
    const ready = await super.encode(text, argument);
    if (ready.ids.includes(this.#mask)) return ready;
    throw new ArgumentError({
      argument,
      expected: `a text with ${this.#text} for what is hidden`,
      received: text,
      remedy: `Write ${this.#text} into the text, within the first ${this.mostTokens} tokens.`,
    });
  }
}

function placesOf(ids: Uint32Array, mask: number): number[] {
  return [...ids.keys()].filter((place) => ids[place] === mask);
}

/** A vocabulary may have more ids than its tokenizer. */
function textOf(
  tokenizer: { decode(ids: readonly number[], options: { readonly skipUnknown: true }): string },
  id: number,
): string {
  return tokenizer.decode([id], { skipUnknown: true });
}

/** The indices of the largest values, in order; of equal ones, the lower first. */
function largest(values: readonly number[], count: number): number[] {
  const kept: number[] = [];
  for (const [index, value] of values.entries()) {
    if (kept.length === count && value <= values[kept.at(-1)!]!) continue;
    let at = kept.length;
    while (at > 0 && values[kept[at - 1]!]! < value) at--;
    kept.splice(at, 0, index);
    if (kept.length > count) kept.pop();
  }
  return kept;
}
