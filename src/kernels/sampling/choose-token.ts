// Chooses one token per row of logits: greedy, or drawn after penalties, temperature and filters.
import penalties from "../../../shaders/common/token-penalties.wgsl?raw";
import rowSum from "../../../shaders/common/row-sum.wgsl?raw";
import spans from "../../../shaders/common/spans.wgsl?raw";
import tokenChoice from "../../../shaders/common/token-choice.wgsl?raw";
import source from "../../../shaders/sampling/choose-token.wgsl?raw";
import { SPAN_TOKENS } from "../spans.js";
import { specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";

export type ChooseTokenBinding =
  "options" | "bias" | "logits" | "weights" | "partials" | "counts" | "sampled" | "chosen";
export type ChooseTokenParam = "rowCount" | "vocabulary" | "rowStride" | "firstOption";

/** Words of a row's options in `options`; [real] ones hold the bits of an f32. */
export const OptionWord = {
  /** Index of the sequence in `sampled`. */
  sequence: 0,
  /** Its row in `counts`, or NO_SLOT. */
  countSlot: 1,
  /** Its row in `bias`, or NO_SLOT. */
  biasSlot: 2,
  /** [real] 0 is greedy. */
  temperature: 3,
  /** 0 is all. */
  topK: 4,
  /** [real] 1 is all. */
  topP: 5,
  /** [real] Share of the largest probability. 0 is all. */
  minP: 6,
  /** [real] 1 is none. */
  repetitionPenalty: 7,
  /** [real] */
  frequencyPenalty: 8,
  /** [real] */
  presencePenalty: 9,
  seedLow: 10,
  seedHigh: 11,
  /** Position of the token that is chosen. */
  position: 12,
  /** 1 when its log-probability is asked for. */
  logProbability: 13,
  /** Tokens below this may be chosen: a model may have more ids than its tokenizer. 0 is all. */
  choosable: 14,
  /** First word, counted from that of `options`, of a bit per token that may be chosen, the lowest first. 0 is all. */
  allowed: 15,
} as const;

export const OPTION_WORDS = 16;
export const NO_SLOT = 0xffffffff;
/** In `counts`: the token is in the prompt. The other bits say how often it was generated. */
export const IN_PROMPT = 0x80000000;

/** The most tokens of a vocabulary: spans and tokens of a span are counted in tables of as many. */
export const MOST_CHOICES: number = SPAN_TOKENS * SPAN_TOKENS;
/** Words of what a span leaves in `partials`. */
export const PARTIAL_WORDS = 4;
/** Instead of a token: the row has a logit that is no finite number. */
export const NO_TOKEN = 0xffffffff;

export const chooseTokenParams = {
  rowCount: "u32",
  vocabulary: "u32",
  rowStride: "u32",
  firstOption: "u32",
} as const;

/** A kernel that chooses tokens, in one dispatch or several. All of them choose the same tokens, and differ in where they are fast. */
export interface ChooseTokenKernel {
  readonly name: string;
  /** Their bindings are among all of them. */
  readonly stages: readonly KernelVariant<string, ChooseTokenParam>[];
}

const choose: KernelDefinition<Exclude<ChooseTokenBinding, "partials">, ChooseTokenParam> = {
  name: "sampling.choose-token",
  source,
  common: [spans, rowSum, tokenChoice, penalties],
  bindings: {
    options: "read",
    bias: "read",
    logits: "read",
    weights: "readWrite",
    counts: "readWrite",
    sampled: "readWrite",
    chosen: "readWrite",
  },
  params: chooseTokenParams,
  grid: ({ rowCount }) => [Math.ceil(rowCount / 4), 1, 1],
};

/** A row per invocation, no workgroup memory: fast on software adapters, runs on all. */
export const invocationChooseToken: ChooseTokenKernel = {
  name: "row-per-invocation",
  stages: [specialise(choose, {})],
};
