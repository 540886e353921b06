// The log-probabilities of the tokens of an answer, with their texts. Tokens are known when an answer is complete.
import type { ServedModel } from "../../answer/served-model.js";
import type { Generation } from "../../index.js";

export interface TokenDetail {
  readonly token: string;
  readonly logprob: number;
  /** The bytes of the text in UTF-8; null for a token that is only a part of a character. */
  readonly bytes: readonly number[] | null;
}

/** In the order of the tokens. A token that ended the text is one of them. */
export async function tokenDetails(model: ServedModel, generation: Generation): Promise<TokenDetail[]> {
  const { tokens, logProbabilities = [] } = generation;
  const texts = await Promise.all(tokens.map((token) => model.decode([token])));
  const encoder = new TextEncoder();
  return texts.map((token, index) => ({
    token,
    logprob: logProbabilities[index]!,
    bytes: token.includes("\uFFFD") ? null : [...encoder.encode(token)],
  }));
}
