// Leaves out what is longer than a model's context: prompts that suit one model are too long for another.
import type { Model } from "../index.js";

export interface Fitting {
  readonly texts: readonly string[];
  /** What to say of those that were left out. Empty if none were. */
  readonly words: string;
}

/** The texts that `model` can score. All of them if none is short enough, so that the model says what it takes. */
export async function fitContext(model: Model, texts: readonly string[]): Promise<Fitting> {
  const { contextLength, beginToken } = model.info.config;
  const lengths = await Promise.all(
    texts.map(async (text) => {
      const ids = await model.encode(text);
      return ids.length + (beginToken === undefined || ids[0] === beginToken ? 0 : 1);
    }),
  );
  const fitting = texts.filter((_, index) => lengths[index]! <= contextLength);
  const left = texts.length - fitting.length;
  if (left === 0 || fitting.length === 0) return { texts, words: "" };
  return {
    texts: fitting,
    words: `${left} of ${texts.length} sentences are longer than the ${contextLength} tokens of this model's context, and were left out.`,
  };
}
