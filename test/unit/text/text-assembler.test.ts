// Pieces of text from a stream of tokens: whole characters, nothing of a stop string, and together the whole text.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TextAssembler } from "../../../src/text/text-assembler.js";

type Token = readonly number[];

const encoder = new TextEncoder();

/** The text of tokens that are lists of bytes, as a byte-level tokenizer decodes them. */
function decodeBytes(tokens: readonly Token[]): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(tokens.flat()));
}

interface Assembled {
  /** What each token added, and last what was left at the end. */
  readonly pieces: readonly string[];
  readonly isStopped: boolean;
}

function assemble(tokens: readonly Token[], stops: readonly string[] = []): Assembled {
  const assembler = new TextAssembler((ids) => decodeBytes(ids.map((id) => tokens[id]!)), stops);
  const pieces: string[] = [];
  for (const id of tokens.keys()) {
    const { text, isStopped } = assembler.push(id);
    pieces.push(text);
    if (isStopped) return { pieces, isStopped };
  }
  const { text, isStopped } = assembler.finish();
  return { pieces: [...pieces, text], isStopped };
}

/** Tokens of one byte each. */
function bytesOf(text: string): Token[] {
  return [...encoder.encode(text)].map((byte) => [byte]);
}

function tokensOf(...texts: readonly string[]): Token[] {
  return texts.map((text) => [...encoder.encode(text)]);
}

describe("characters", () => {
  it.each([
    ["é", ["", "é", ""]],
    ["€x", ["", "", "€", "x", ""]],
    ["😀!", ["", "", "", "😀", "!", ""]],
  ])("of several tokens come when they are complete: %s", (text, pieces) => {
    expect(assemble(bytesOf(text)).pieces).toEqual(pieces);
  });

  it("that are complete do not wait for one that is not", () => {
    const [first, second, third] = encoder.encode("€");
    expect(assemble([[0x61, first!], [second!], [third!, 0x62]]).pieces).toEqual(["a", "", "€b", ""]);
  });

  it("stay whole where every token ends in the middle of the next", () => {
    const bytes = encoder.encode("日本語の文章を書く");
    const tokens = Array.from({ length: bytes.length / 3 + 1 }, (_, index) => [
      ...bytes.subarray(Math.max(0, 3 * index - 1), 3 * index + 2),
    ]);
    const { pieces } = assemble(tokens);
    expect(pieces.join("")).toBe("日本語の文章を書く");
    expect(pieces.slice(1, 4)).toEqual(["日", "本", "語"]);
  });

  it("that bytes do not form become U+FFFD, at the latest at the end", () => {
    expect(assemble([[0x80], [0x61]]).pieces).toEqual(["", "\uFFFDa", ""]);
    expect(assemble([[0x61], [0xe2], [0x82]]).pieces).toEqual(["a", "", "", "\uFFFD"]);
    expect(assemble([[0xf0], [0x9f], [0x41]]).pieces.join("")).toBe("\uFFFDA");
  });

  it("that are none are decoded only once more each", () => {
    let decoded = 0;
    const assembler = new TextAssembler((ids) => {
      decoded += ids.length;
      return decodeBytes(ids.map(() => [0x80]));
    }, []);
    for (let id = 0; id < 1000; id++) assembler.push(id);
    expect(decoded).toBeLessThan(4000);
  });

  it("of byte order marks are kept", () => {
    expect(assemble(tokensOf("\uFEFF", "a")).pieces.join("")).toBe("\uFEFFa");
  });
});

describe("stop strings", () => {
  it("end the text right before them, within a token", () => {
    expect(assemble(tokensOf("one two three"), [" two"])).toEqual({ pieces: ["one"], isStopped: true });
  });

  it("are found across tokens, and nothing of them is passed on", () => {
    const { pieces, isStopped } = assemble(tokensOf("one", " t", "w", "o", " three"), [" two"]);
    expect(pieces).toEqual(["one", "", "", ""]);
    expect(isStopped).toBe(true);
  });

  it("that do not come after all release what was held, as soon as that is sure", () => {
    expect(assemble(tokensOf("one", " t", "ree", "!"), [" two"]).pieces).toEqual([
      "one",
      "",
      " tree",
      "!",
      "",
    ]);
  });

  it("that are incomplete at the end are text", () => {
    expect(assemble(tokensOf("one", " tw"), [" two"])).toEqual({
      pieces: ["one", "", " tw"],
      isStopped: false,
    });
  });

  it("may begin in what looked like their own beginning", () => {
    expect(assemble(tokensOf("aa", "ab"), ["aab"]).pieces.join("")).toBe("a");
    expect(assemble(bytesOf("ababac!"), ["abac"]).pieces.join("")).toBe("ab");
  });

  it("may overlap: the one that is complete first counts, wherever tokens end", () => {
    for (const tokens of [tokensOf("xabcd"), bytesOf("xabcd"), tokensOf("xa", "bcd")]) {
      expect(assemble(tokens, ["abcd", "bc"]).pieces.join("")).toBe("xa");
      expect(assemble(tokens, ["bc", "abc"]).pieces.join("")).toBe("x");
      expect(assemble(tokens, ["cd", "abcd"]).pieces.join("")).toBe("x");
    }
  });

  it("may have characters of several tokens", () => {
    expect(assemble(bytesOf("a😀b😀c"), ["b😀"]).pieces.join("")).toBe("a😀");
  });
});

it("gives pieces that are together the text of all tokens, cut at the first stop", () => {
  const alphabet = fc.constantFrom("a", "b", "ab", "ba", " ", "é", "€", "😀", "日本");
  const bytes = fc.oneof(
    { weight: 4, arbitrary: alphabet.map((text) => [...encoder.encode(text)]) },
    { weight: 1, arbitrary: fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 3 }) },
  );
  const tokens = fc
    .tuple(fc.array(bytes, { maxLength: 20 }), fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 80 }))
    .map(([parts, lengths]): Token[] => {
      const all = parts.flat();
      const cut: Token[] = [];
      for (let from = 0, index = 0; from < all.length; index++) {
        const length = lengths[index % lengths.length]!;
        cut.push(all.slice(from, from + length));
        from += length;
      }
      return cut;
    });
  const stops = fc.array(
    fc.array(alphabet, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("")),
    { maxLength: 3 },
  );
  fc.assert(
    fc.property(tokens, stops, (someTokens, someStops) => {
      const { pieces, isStopped } = assemble(someTokens, someStops);
      const whole = decodeBytes(someTokens);
      const expected = cutAtFirstStop(whole, someStops);
      expect(pieces.join("")).toBe(expected);
      expect(isStopped).toBe(expected !== whole);
      for (const piece of pieces)
        expect(new TextDecoder("utf-8", { ignoreBOM: true }).decode(encoder.encode(piece))).toBe(piece);
    }),
    { numRuns: 2000 },
  );
});

/** Looks at longer and longer beginnings, until one ends with a stop string. */
function cutAtFirstStop(text: string, stops: readonly string[]): string {
  for (let end = 1; end <= text.length; end++) {
    const complete = stops.filter((stop) => text.slice(0, end).endsWith(stop));
    if (complete.length > 0) return text.slice(0, end - Math.max(...complete.map(({ length }) => length)));
  }
  return text;
}
