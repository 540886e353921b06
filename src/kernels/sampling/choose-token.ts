// Chooses one token per row of logits: greedy, or drawn after penalties, temperature and filters.
import tokenChoice from "../../../shaders/common/token-choice.wgsl?raw";
import source from "../../../shaders/sampling/choose-token.wgsl?raw";
import { specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";

export type ChooseTokenBinding = "options" | "bias" | "logits" | "weights" | "counts" | "sampled" | "chosen";
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
} as const;

export const OPTION_WORDS = 16;
export const NO_SLOT = 0xffffffff;
/** In `counts`: the token is in the prompt. The other bits say how often it was generated. */
export const IN_PROMPT = 0x80000000;

/** The part of a definition that all kernels that choose tokens share. */
export const chooseTokenInterface: Pick<
  KernelDefinition<ChooseTokenBinding, ChooseTokenParam>,
  "common" | "bindings" | "params"
> = {
  common: [tokenChoice],
  bindings: {
    options: "read",
    bias: "read",
    logits: "read",
    weights: "readWrite",
    counts: "readWrite",
    sampled: "readWrite",
    chosen: "readWrite",
  },
  params: { rowCount: "u32", vocabulary: "u32", rowStride: "u32", firstOption: "u32" },
};

/** A kernel that chooses tokens. All of them choose the same tokens, and differ in where they are fast. */
export interface ChooseTokenKernel {
  readonly name: string;
  readonly variant: KernelVariant<ChooseTokenBinding, ChooseTokenParam>;
}

const choose: KernelDefinition<ChooseTokenBinding, ChooseTokenParam> = {
  name: "sampling.choose-token",
  source,
  ...chooseTokenInterface,
  grid: ({ rowCount }) => [Math.ceil(rowCount / 4), 1, 1],
};

/** A row per invocation, no workgroup memory: fast on software adapters, runs on all. */
export const invocationChooseToken: ChooseTokenKernel = {
  name: "row-per-invocation",
  variant: specialise(choose, {}),
};
