// Where the tokens of a text are in it. Tokenizers change a text before they cut it, so tokens are found in what each of its
// characters becomes.
import type { TextTokenizer } from "../../text/tokenizer.js";

/** The token is text.slice(start, end). */
export interface TokenPlace {
  readonly start: number;
  readonly end: number;
}

/** The place of each token of an encoded text; undefined for those that are put around it. */
export function findPlaces(
  tokenizer: TextTokenizer,
  text: string,
  ids: ArrayLike<number>,
  isLowerCase = false,
): (TokenPlace | undefined)[] {
  const letters = lettersOf(text, (own) => tokenizer.normalise(isLowerCase ? own.toLowerCase() : own));
  const template = tokenizer.template(false);
  const before = template.findIndex(({ of }) => of === "first");
  const behind = template.length - 1 - before;
  const places: (TokenPlace | undefined)[] = Array.from({ length: ids.length }, () => undefined);
  /** Tokens whose text is unknown, from the first on: they are what lies between their neighbours. */
  let unknown: number | undefined;
  let at = 0;
  const settleUnknown = (upTo: number, next: number): void => {
    if (unknown === undefined) return;
    const words = wordsBetween(letters, at, upTo);
    const start = words[0]?.start ?? letters[at]?.start ?? text.length;
    const whole = { start, end: words.at(-1)?.end ?? start };
    const count = next - unknown;
    // One word each. Where there are not as many, each is somewhere in all of them.
    for (let token = unknown; token < next; token++)
      places[token] = words.length === count ? words[token - unknown]! : whole;
    unknown = undefined;
  };
  for (let token = before; token < ids.length - behind; token++) {
    const bytes = bytesOf(tokenizer.spelling(ids[token]!), tokenizer.isByteLevel);
    const begin = bytes && find(letters, bytes, at, unknown === undefined);
    if (begin === undefined || !bytes) {
      unknown ??= token;
      continue;
    }
    settleUnknown(begin, token);
    const end = begin + bytes.length;
    places[token] = { start: letters[begin]!.start, end: letters[end - 1]!.end };
    at = end;
  }
  settleUnknown(letters.length, ids.length - behind);
  return places;
}

/** A byte of the changed text, and the characters of the text that it comes from. */
interface Letter extends TokenPlace {
  readonly byte: number;
  /** Whether a word begins here, whatever is in front of it. */
  readonly begins: boolean;
}

const utf8 = new TextEncoder();
const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);

/** What a tokenizer makes of a text, character by character: those that people see, as accents may be characters of their own. */
function lettersOf(text: string, change: (character: string) => string): Letter[] {
  const characters = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text);
  let begins = true;
  return [...characters].flatMap(({ segment, index }) => {
    const letters: Letter[] = [];
    // Some tokenizers put spaces around characters that are words by themselves.
    for (const byte of utf8.encode(change(segment).replaceAll("▁", " "))) {
      if (!isSpace(byte)) letters.push({ byte, begins, start: index, end: index + segment.length });
      begins = isSpace(byte);
    }
    return letters;
  });
}

const isOwn = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;

/** Byte-level vocabularies write every byte as a character that can be seen: its own, or from U+0100 on. */
const byteOfCharacter: ReadonlyMap<string, number> = (() => {
  const map = new Map<string, number>();
  let others = 0;
  for (let byte = 0; byte < 256; byte++)
    map.set(String.fromCodePoint(isOwn(byte) ? byte : 256 + others++), byte);
  return map;
})();

/** The bytes of a token without white space, whatever the vocabulary is like; undefined for those that stand for no text. */
function bytesOf(spelling: string, isByteLevel: boolean): readonly number[] | undefined {
  const byte = isByteLevel ? undefined : /^<0x([0-9A-F]{2})>$/.exec(spelling)?.[1];
  const own = byte ? [Number.parseInt(byte, 16)] : plainBytes(spelling, isByteLevel);
  const inked = own.filter((value) => !isSpace(value));
  return inked.length > 0 ? inked : undefined;
}

function plainBytes(spelling: string, isByteLevel: boolean): readonly number[] {
  const bytes = isByteLevel ? Array.from(spelling, (own) => byteOfCharacter.get(own)) : [undefined];
  if (bytes.every((byte) => byte !== undefined)) return bytes;
  return [...utf8.encode(spelling.replace(/^##/, "").replaceAll("▁", " "))];
}

/** Special tokens that are written in a text keep their case where all else loses it. */
const isSame = (byte: number | undefined, other: number): boolean =>
  byte === other || (byte !== undefined && lowered(byte) === lowered(other));

const lowered = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte);

/** Where `bytes` are: at `from`, or if something unknown is in front of them, behind it. */
function find(
  letters: readonly Letter[],
  bytes: readonly number[],
  from: number,
  isNext: boolean,
): number | undefined {
  const fits = (at: number): boolean => bytes.every((byte, index) => isSame(letters[at + index]?.byte, byte));
  if (isNext) return fits(from) ? from : undefined;
  for (let at = from; at + bytes.length <= letters.length; at++) if (fits(at)) return at;
  return undefined;
}

/** The words among letters: parted by white space. */
function wordsBetween(letters: readonly Letter[], from: number, to: number): TokenPlace[] {
  const words: { start: number; end: number }[] = [];
  for (const { start, end, begins } of letters.slice(from, to)) {
    const last = words.at(-1);
    if (last && !begins && start <= last.end) last.end = Math.max(last.end, end);
    else words.push({ start, end });
  }
  return words;
}
