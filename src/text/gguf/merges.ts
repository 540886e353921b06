// Merges of byte-pair encoding for vocabularies that have scores instead: SentencePiece joins the two neighbours whose token has
// the highest score, so every way to cut a token in two is a merge, in the order of the tokens' scores.

/**
 * Pairs of tokens, the one to join first in front. Of equal scores, the token with the lower id comes first; the ways to cut a
 * token are in the order of the ids of their parts.
 */
export function mergesByScore(
  tokens: readonly string[],
  scores: readonly number[],
  isLeftOut: (id: number) => boolean,
): readonly (readonly [string, string])[] {
  const ids = new Map<string, number>();
  for (const [id, token] of tokens.entries()) if (!isLeftOut(id)) ids.set(token, id);
  const order = [...ids.values()].toSorted((a, b) => scores[b]! - scores[a]! || a - b);
  const merges: (readonly [string, string])[] = [];
  for (const id of order) {
    const token = tokens[id]!;
    const own: { readonly pair: readonly [string, string]; readonly left: number; readonly right: number }[] =
      [];
    for (let at = 1; at < token.length; at++) {
      // Not between the two halves of a character.
      const isLow = (token.charCodeAt(at) & 0xfc00) === 0xdc00;
      if (isLow) continue;
      const first = token.slice(0, at);
      const left = ids.get(first);
      if (left === undefined) continue;
      const second = token.slice(at);
      const right = ids.get(second);
      if (right !== undefined) own.push({ pair: [first, second], left, right });
    }
    if (own.length > 1) own.sort((a, b) => a.left - b.left || a.right - b.right);
    for (const { pair } of own) merges.push(pair);
  }
  return merges;
}
