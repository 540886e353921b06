// Which tokens a request must not get next. What never changes is part of its bias from the beginning; the rest is found again
// for every token, on the host.
import type { Sampling } from "./sampling.js";

/** Added to the logit of a token that is banned. As in shaders/common/token-choice.wgsl. */
export const BAN = -1e30;

/** The parts of a request that bans depend on. */
export interface BanRules extends Pick<Sampling, "banned" | "noRepeatSize" | "minTokens"> {
  /** The tokens that end its text. */
  readonly stopTokens: ReadonlySet<number>;
}

/** Whether any token is banned at any time. */
export function hasBans({ banned, noRepeatSize, minTokens }: BanRules): boolean {
  return banned.length > 0 || noRepeatSize > 0 || minTokens > 0;
}

/** Whether all tokens so far have to be known to tell which is banned next. */
export function needsTokens({ banned, noRepeatSize }: BanRules): boolean {
  return noRepeatSize > 0 || banned.some(({ length }) => length > 1);
}

/** Tokens that are banned always. */
export function alwaysBanned({ banned }: BanRules): readonly number[] {
  return banned.flatMap((sequence) => (sequence.length === 1 ? sequence : []));
}

/**
 * Tokens that are banned next, beside those that always are. `tokens` are those so far, as far as they are known; `generated` is how
 * many of them came after the prompt.
 */
export function bannedNext(
  rules: BanRules,
  tokens: readonly number[],
  generated: number,
): ReadonlySet<number> {
  const { banned, noRepeatSize, minTokens, stopTokens } = rules;
  const result = new Set<number>(generated < minTokens ? stopTokens : []);
  for (const sequence of banned)
    if (sequence.length > 1 && endsWith(tokens, sequence.slice(0, -1))) result.add(sequence.at(-1)!);
  if (noRepeatSize > 0) {
    const last = tokens.slice(tokens.length - noRepeatSize + 1);
    // Too few tokens repeat nothing.
    for (let end = noRepeatSize - 1; last.length === noRepeatSize - 1 && end < tokens.length; end++)
      if (last.every((token, index) => tokens[end - last.length + index] === token)) result.add(tokens[end]!);
  }
  return result;
}

function endsWith(tokens: readonly number[], end: readonly number[]): boolean {
  return (
    tokens.length >= end.length &&
    end.every((token, index) => tokens[tokens.length - end.length + index] === token)
  );
}
