// How a text that is held to a grammar can end: looks for few bytes that complete it, by trying them on the matcher.
import type { TokenSpellings } from "./vocabulary.js";

/** What is needed of the library's matcher. */
export interface Trial {
  acceptToken(token: number): boolean;
  isTerminated(): boolean;
  rollBack(tokens: number): void;
}

/** What closes things is tried first. */
const closing: readonly number[] = Array.from('}]"', (own) => own.charCodeAt(0));
/** What stands between parts, as often as there are parts. */
const separating: readonly number[] = Array.from(",:", (own) => own.charCodeAt(0));
/** All else, what is short and common first. */
const others: readonly number[] = [
  ...separating,
  ...Array.from("0ntf", (own) => own.charCodeAt(0)),
  ...Array.from({ length: 94 }, (_, index) => 33 + index), // visible
  ...Array.from({ length: 64 }, (_, index) => 0x80 + index), // inside a character of several bytes
  ...Array.from({ length: 51 }, (_, index) => 0xc2 + index), // its beginning
];
/** Where anything else is allowed, these lead nowhere. */
const white: readonly number[] = [0x20, 0x0a, 0x09, 0x0d];
/** More than any other token's cost. */
const MOST_COST = 1e9;
/** Of what else is allowed, so many are tried at each place. */
const MOST_TRIED = 3;
/** Depths that are tried, one after the other: a completion that is much longer than needed is seldom found first. */
const FIRST_DEPTH = 16;
const DEPTH_FACTOR = 4;
/** Steps of a search: what is found at all is mostly found at once. */
const stepsFor = (depth: number): number => 200 + 4 * depth;

export class Completion {
  readonly #matcher: Trial;
  readonly #ends: readonly number[];
  readonly #closing: readonly number[];
  readonly #others: readonly number[];
  readonly #separating: readonly number[];
  readonly #white: readonly number[];
  /** What only texts have. */
  readonly #sign: number | undefined;
  #steps = 0;

  /** `bytes` has the token of each byte, as `byteTokens` gives them. */
  constructor(matcher: Trial, ends: readonly number[], bytes: readonly (number | undefined)[]) {
    const tokensOf = (own: readonly number[]): readonly number[] =>
      [...new Set(own)].flatMap((byte) => bytes[byte] ?? []);
    this.#matcher = matcher;
    this.#ends = ends;
    this.#closing = tokensOf(closing);
    this.#separating = tokensOf(separating);
    this.#white = tokensOf(white);
    this.#sign = bytes["~".charCodeAt(0)];
    this.#others = tokensOf([...others, ...white].filter((byte) => !closing.includes(byte)));
  }

  /**
   * Tokens of a byte each, at most `most`, with which the text is complete; none if it is now. `known` is tried first, such as what
   * completed it before its last token. Undefined if none are found.
   */
  find(most: number, known: readonly number[] = []): readonly number[] | undefined {
    if (known.length <= most && this.#completes(known)) return known;
    for (let depth = FIRST_DEPTH; ; depth *= DEPTH_FACTOR) {
      const own = Math.min(depth, most);
      this.#steps = stepsFor(own);
      const found: number[] = [];
      if (this.#search(own, found)) return found;
      if (own === most) return undefined;
    }
  }

  #completes(tokens: readonly number[]): boolean {
    let accepted = 0;
    while (accepted < tokens.length && this.#matcher.acceptToken(tokens[accepted]!)) accepted++;
    const isComplete = accepted === tokens.length && this.#mayEnd();
    if (accepted > 0) this.#matcher.rollBack(accepted);
    return isComplete;
  }

  #mayEnd(): boolean {
    if (this.#matcher.isTerminated()) return true;
    const end = this.#ends.find((token) => this.#matcher.acceptToken(token));
    if (end !== undefined) this.#matcher.rollBack(1);
    return end !== undefined;
  }

  /** Depth first, without recursion, as completions may be thousands of bytes long. Leaves the matcher as it was. */
  #search(depth: number, found: number[]): boolean {
    const places = [this.#choices(found, [])];
    let isComplete = this.#mayEnd();
    while (!isComplete && places.length > 0) {
      const place = places.at(-1)!;
      const choice = places.length <= depth && this.#steps-- > 0 ? place.next().value : undefined;
      if (choice === undefined) {
        places.pop();
        if (found.length > 0) this.#matcher.rollBack(1);
        found.pop();
        continue;
      }
      this.#matcher.acceptToken(choice.token);
      places.push(this.#choices(found, choice.beside));
      found.push(choice.token);
      isComplete = this.#mayEnd();
    }
    if (found.length > 0) this.#matcher.rollBack(found.length);
    return isComplete;
  }

  /**
   * What may come next, each with all that may come beside it. Of what closes nothing, first that which might not come before, as the
   * "@" of an address, and that which has come seldom: whatever can be repeated leads nowhere.
   */
  *#choices(found: readonly number[], before: readonly number[]): Generator<Choice, undefined> {
    // Within a text, brackets close nothing.
    const isText = this.#sign !== undefined && this.#accepts(this.#sign);
    const nearest = isText ? this.#closing.toReversed() : this.#closing;
    for (const token of nearest) if (this.#accepts(token)) yield { token, beside: [] };
    const beside = this.#others.filter((token) => this.#accepts(token));
    const cost = (token: number): number => {
      if (this.#white.includes(token)) return MOST_COST;
      const uses = this.#separating.includes(token) ? 0 : found.filter((own) => own === token).length;
      return uses + (before.includes(token) ? 1 : 0);
    };
    const costs = new Map(beside.map((token) => [token, cost(token)]));
    const cheapest = beside.toSorted((a, b) => costs.get(a)! - costs.get(b)!);
    for (const token of cheapest.slice(0, MOST_TRIED)) yield { token, beside };
    return undefined;
  }

  #accepts(token: number): boolean {
    const isAccepted = this.#matcher.acceptToken(token);
    if (isAccepted) this.#matcher.rollBack(1);
    return isAccepted;
  }
}

interface Choice {
  readonly token: number;
  /** All that was allowed in its place, but for what closes. */
  readonly beside: readonly number[];
}

/** For each byte, the token that is it, where there is one. */
export function byteTokens({ spellings, kind }: TokenSpellings): (number | undefined)[] {
  const ids = new Map<string, number>();
  for (const [id, spelling] of spellings.entries()) if (spelling !== "") ids.set(spelling, id);
  return Array.from({ length: 256 }, (_, byte) =>
    kind === "byte_level" ? ids.get(characterOf(byte)) : (ids.get(plainOf(byte)) ?? ids.get(hexOf(byte))),
  );
}

/** Byte-level BPE writes a byte as its Latin-1 character, or, where that can't be seen, as one of those from U+0100 on. */
function characterOf(byte: number): string {
  return String.fromCodePoint(isVisible(byte) ? byte : 0x100 + invisible.indexOf(byte));
}

const isVisible = (byte: number): boolean => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
const invisible = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !isVisible(byte));

/** SentencePiece writes visible ASCII as it is, and a space as "▁". */
function plainOf(byte: number): string {
  if (byte === 0x20) return "▁";
  return byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "";
}

const hexOf = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
