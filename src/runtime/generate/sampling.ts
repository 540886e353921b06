// The options that say how tokens are chosen. Checks them, and writes them as words for the GPU.
import { NO_SLOT, OPTION_WORDS, OptionWord } from "../../kernels/sampling/choose-token.js";
import { ArgumentError } from "../../errors.js";
import { checkReal, checkWhole } from "../../util/check.js";

/** How the next token is chosen from the logits. The options are applied in this order. */
export interface SamplingOptions {
  /** Added to the logits of single tokens: a map from token id to bias. */
  readonly logitBias?: Readonly<Record<number, number>> | ReadonlyMap<number, number>;
  /** Tokens, and sequences of tokens, that are never generated. Of a sequence, the last token is not, after the others. */
  readonly banned?: readonly (number | readonly number[])[];
  /** No sequence of as many tokens occurs twice in prompt and text together. 0 allows it. */
  readonly noRepeatSize?: number;
  /** No end token is generated before there are as many tokens. Stop texts end generation all the same. */
  readonly minTokens?: number;
  /** Divides positive and multiplies negative logits of tokens that occurred in prompt or text. 1 has no effect. */
  readonly repetitionPenalty?: number;
  /** Subtracted from a token's logit for every time it was generated. 0 has no effect. */
  readonly frequencyPenalty?: number;
  /** Subtracted once from the logits of tokens that were generated. 0 has no effect. */
  readonly presencePenalty?: number;
  /** 0 takes the likeliest token. 1 draws from the model's own distribution. Values between sharpen it. */
  readonly temperature?: number;
  /** Draw from the k likeliest tokens only. 0 allows all. */
  readonly topK?: number;
  /** Draw from the fewest likeliest tokens whose probabilities add up to this. 1 allows all. */
  readonly topP?: number;
  /** Draw from tokens whose probability is at least this part of the likeliest one's. 0 allows all. */
  readonly minP?: number;
  /** The same seed gives the same tokens, whatever else is generated at the same time. Default: random. */
  readonly seed?: number;
}

/** The options, checked and with all defaults filled in. */
export interface Sampling {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
  readonly logitBias: ReadonlyMap<number, number>;
  readonly banned: readonly (readonly number[])[];
  readonly noRepeatSize: number;
  readonly minTokens: number;
  readonly seed: number;
  readonly wantsLogProbabilities: boolean;
}

/** Throws ArgumentError for values out of range. `defaults` fill what `options` leaves out. */
export function checkSampling(
  options: SamplingOptions & { readonly logProbabilities?: boolean },
  defaults: SamplingOptions,
  vocabulary: number,
): Sampling {
  const given = { ...defaults, ...withoutUndefined(options) };
  const bias =
    given.logitBias instanceof Map ? given.logitBias : new Map(Object.entries(given.logitBias ?? {}));
  const logitBias = new Map<number, number>();
  for (const [key, value] of bias as Map<string | number, number>) {
    const argument = `logitBias[${key}]`;
    const remedy = "Keys are token ids, values are added to their logits.";
    checkWhole(`the key of ${argument}`, key === "" ? NaN : Number(key), 0, {
      least: 0,
      most: vocabulary - 1,
      remedy,
    });
    logitBias.set(Number(key), checkReal(argument, value, 0, { least: -1e4, most: 1e4 }));
  }
  return {
    temperature: checkReal("temperature", given.temperature, 1, { least: 0, most: 100 }),
    topK: checkWhole("topK", given.topK, 0, {
      least: 0,
      remedy: "It is how many of the likeliest tokens may be drawn; 0 is all.",
    }),
    topP: checkReal("topP", given.topP, 1, { least: 0, most: 1, isAbove: true }),
    minP: checkReal("minP", given.minP, 0, { least: 0, most: 1 }),
    repetitionPenalty: checkReal("repetitionPenalty", given.repetitionPenalty, 1, { least: 0.01, most: 100 }),
    frequencyPenalty: checkReal("frequencyPenalty", given.frequencyPenalty, 0, { least: -100, most: 100 }),
    presencePenalty: checkReal("presencePenalty", given.presencePenalty, 0, { least: -100, most: 100 }),
    logitBias,
    banned: checkBanned(given.banned, vocabulary),
    noRepeatSize: checkWhole("noRepeatSize", given.noRepeatSize, 0, {
      least: 0,
      remedy: "It is the length of sequences of tokens that may not occur twice; 0 allows all.",
    }),
    minTokens: checkWhole("minTokens", given.minTokens, 0, {
      least: 0,
      remedy: "It is how many tokens are generated before the text may end.",
    }),
    seed: checkWhole("seed", given.seed, randomSeed(), {
      least: 0,
      most: Number.MAX_SAFE_INTEGER,
      remedy: "Leave it out for a random one.",
    }),
    wantsLogProbabilities: given.logProbabilities ?? false,
  };
}

function checkBanned(banned: SamplingOptions["banned"], vocabulary: number): readonly (readonly number[])[] {
  const remedy = "Ids come from the model's tokenizer; a list of them is a sequence.";
  if (banned !== undefined && !Array.isArray(banned))
    throw new ArgumentError({
      argument: "banned",
      expected: "a list of token ids and of lists",
      received: banned,
      remedy,
    });
  return (banned ?? []).map((given: number | readonly number[], index) => {
    const sequence = [given].flat();
    if (sequence.length === 0)
      throw new ArgumentError({
        argument: `banned[${index}]`,
        expected: "at least one id",
        received: given,
        remedy,
      });
    for (const id of sequence)
      checkWhole(`banned[${index}]`, id ?? Number.NaN, 0, { least: 0, most: vocabulary - 1, remedy });
    return sequence;
  });
}

/** Whether the choice depends on what the prompt and the text so far contain. */
export function hasPenalties(sampling: Sampling): boolean {
  return (
    sampling.repetitionPenalty !== 1 || sampling.frequencyPenalty !== 0 || sampling.presencePenalty !== 0
  );
}

/** Writes the options of one row into `words` from `at` on. */
export function writeOptionWords(
  words: Uint32Array,
  at: number,
  sampling: Sampling,
  row: {
    readonly sequence: number;
    readonly countRow: number | undefined;
    readonly biasRow: number | undefined;
    /** Position of the token that is chosen. */
    readonly position: number;
    /** Tokens below this may be chosen. */
    readonly choosable: number;
    /** The first word of the bits of those that may be; 0 if all may. */
    readonly firstAllowed: number;
  },
): void {
  const reals = new Float32Array(words.buffer, words.byteOffset, words.length);
  words.fill(0, at, at + OPTION_WORDS);
  words[at + OptionWord.sequence] = row.sequence;
  words[at + OptionWord.countSlot] = row.countRow ?? NO_SLOT;
  words[at + OptionWord.biasSlot] = row.biasRow ?? NO_SLOT;
  reals[at + OptionWord.temperature] = sampling.temperature;
  words[at + OptionWord.topK] = Math.min(sampling.topK, 0xffffffff);
  reals[at + OptionWord.topP] = sampling.topP;
  reals[at + OptionWord.minP] = sampling.minP;
  reals[at + OptionWord.repetitionPenalty] = sampling.repetitionPenalty;
  reals[at + OptionWord.frequencyPenalty] = sampling.frequencyPenalty;
  reals[at + OptionWord.presencePenalty] = sampling.presencePenalty;
  words[at + OptionWord.seedLow] = sampling.seed % 2 ** 32;
  words[at + OptionWord.seedHigh] = Math.floor(sampling.seed / 2 ** 32);
  words[at + OptionWord.position] = row.position;
  words[at + OptionWord.choosable] = row.choosable;
  words[at + OptionWord.allowed] = row.firstAllowed;
  words[at + OptionWord.logProbability] = sampling.wantsLogProbabilities ? 1 : 0;
}

function randomSeed(): number {
  return Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
}

function withoutUndefined<O extends object>(options: O): O {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as O;
}
