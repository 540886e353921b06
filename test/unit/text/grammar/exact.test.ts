// Formats allow what they say and nothing else: what may come is compared with lists of words and with JavaScript's regular expressions,
// character by character. The grammar library merges states wrongly where rules are not written for it: without separate.ts this fails
// at once.
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../../../src/errors.js";
import { Constraints } from "../../../../src/text/grammar/constraints.js";
import { checkResponseFormat, type ResponseFormat } from "../../../../src/text/grammar/response-format.js";
import { caseCount } from "../../../helpers/long-run.js";
import { SeededRandom } from "../../../helpers/random.js";

const characters = Array.from('abcdefghij0123456789-^]\\"[ é\nèũ中丮😀😁');
const END = characters.length;
/** Each character as one token. */
const spelt: Readonly<Record<string, string>> = { "\n": "<0x0A>", " ": "▁" };
const tokenizer = {
  model: { vocab: Object.fromEntries(characters.map((own, id) => [spelt[own] ?? own, id])) },
  added_tokens: [{ id: END, content: "<end>", special: true }],
};
const constraints = new Constraints(tokenizer, END + 1);

/** What may come after a text. Undefined if that text may not come. */
async function after(
  format: ResponseFormat,
  text: string,
): Promise<{ mayEnd: boolean; next: readonly string[] } | undefined> {
  const constraint = await constraints.make(format, [END]);
  const mayCome = (id: number): boolean => ((constraint.allowed[id >> 5]! >>> (id & 31)) & 1) === 1;
  try {
    for (const own of text) {
      const id = characters.indexOf(own);
      if (constraint.isComplete || !mayCome(id)) return undefined;
      await constraint.advance(id);
    }
    return { mayEnd: constraint.mayEnd, next: characters.filter((_, id) => mayCome(id)) };
  } finally {
    constraint.dispose();
  }
}

/** Every text of the format, if they are no more than there are to be. */
async function allTexts(format: ResponseFormat, most: number): Promise<ReadonlySet<string>> {
  const texts = new Set<string>();
  for (const open = [""]; open.length > 0 && texts.size <= most;) {
    const text = open.pop()!;
    const { mayEnd, next } = (await after(format, text))!;
    if (mayEnd) texts.add(text);
    open.push(...next.map((own) => text + own));
  }
  return texts;
}

const range = (least: number, most: number): readonly number[] =>
  Array.from({ length: most - least + 1 }, (_, index) => least + index);

const expectTexts = async (format: ResponseFormat, expected: readonly (string | number)[]): Promise<void> => {
  const found = await allTexts(format, expected.length);
  expect([...found].toSorted()).toEqual([...new Set(expected.map(String))].toSorted());
};

describe("exactly these", () => {
  it.each([
    [-1, 229],
    [-30, 120],
    [0, 99],
    [-187, 300],
    [5, 5],
  ])("integers from %i to %i may come", async (minimum, maximum) => {
    const own = range(minimum, maximum);
    await expectTexts({ type: "json_schema", schema: { type: "integer", minimum, maximum } }, own);
    await expectTexts({ type: "choice", choices: own.map(String) }, own);
    await expectTexts({ type: "json_schema", schema: { enum: own } }, own);
  });

  it("words may come, whatever they have in common", { timeout: 600_000 }, async () => {
    const random = new SeededRandom(1);
    for (let count = caseCount({ usual: 60, long: 1000 }); count > 0; count--) {
      const letters = characters.filter((own) => !'"\\\n'.includes(own)).slice(random.integer(20));
      const words = Array.from({ length: 2 + random.integer(40) }, () =>
        Array.from(
          { length: 1 + random.integer(5) },
          () => letters[random.integer(Math.min(letters.length, 3 + random.integer(4)))]!,
        ).join(""),
      );
      await expectTexts({ type: "choice", choices: words }, words);
      await expectTexts(
        { type: "json_schema", schema: { enum: words } },
        words.map((own) => `"${own}"`),
      );
      const escaped = words.map((own) =>
        own.replaceAll(/[[\]^-]/g, (one) => (one === "-" ? "-" : `\\${one}`)),
      );
      await expectTexts({ type: "regex", pattern: escaped.join("|") }, words);
    }
  });
});

/** An expression at random, which may have anything that is not refused. */
function randomPattern(random: SeededRandom, depth = 2): string {
  const one = <T>(list: readonly T[]): T => list[random.integer(list.length)]!;
  const literal = (): string => one(characters).replace(/^[\^\]\\[]$/, String.raw`\$&`);
  const named = [
    "a",
    "b",
    String.raw`\^`,
    String.raw`\]`,
    String.raw`\-`,
    String.raw`\\`,
    "é",
    "中",
    "à-ü",
    "a-c",
  ];
  const written = [
    String.raw`\d`,
    String.raw`\w`,
    String.raw`\u{1F601}`,
    String.raw`\ud83d\ude00`,
    String.raw`\x61`,
  ];
  const group = (): string =>
    `[${Array.from({ length: 1 + random.integer(4) }, () => one([...named, ...written, '"'])).join("")}]`;
  const opposite = (): string => one(["[^a]", String.raw`[^\d"]`, String.raw`[^\]\^ -]`]);
  const shorthand = (): string => one([".", ...["d", "w", "s", "S", "D", "W"].map((own) => `\\${own}`)]);
  const atoms = [literal, literal, literal, group, group, opposite, shorthand];
  if (depth > 0)
    atoms.push(...[one(["(", "(?:"])].map((open) => () => `${open}${randomPattern(random, depth - 1)})`));
  const repetitions = ["", "", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,2}", "{1,}", "*?", "+?", "??"];
  const sequence = (): string =>
    Array.from({ length: random.integer(4) }, () => one(atoms)() + one(repetitions)).join("");
  return Array.from({ length: 1 + random.integer(3) }, sequence).join("|");
}

/** The expression as JavaScript has it, where a dot, spaces and their opposites are those of ASCII. */
const asRegExp = (pattern: string): RegExp => {
  const plain = pattern.replaceAll(/\\.|\[(?:\\.|[^\]\\])*\]|\./gsu, (own) =>
    own === "."
      ? String.raw`[^\n\r]`
      : own === String.raw`\s`
        ? "[\t-\r ]"
        : own === String.raw`\S`
          ? "[^\t-\r ]"
          : own,
  );
  return new RegExp(`^(?:${plain})$`, "u");
};

describe("a regular expression", () => {
  it("allows what JavaScript's matches", { timeout: 600_000 }, async () => {
    const random = new SeededRandom(2);
    for (let count = caseCount({ usual: 300, long: 5000 }); count > 0; count--) {
      const pattern = randomPattern(random);
      if (pattern === "") continue;
      const expected = asRegExp(pattern);
      for (let walks = 0; walks < 4; walks++) {
        let text = "";
        for (let left = 5; left > 0; left--) {
          const { mayEnd, next } = (await after({ type: "regex", pattern }, text))!;
          expect(mayEnd, `${pattern} and ${JSON.stringify(text)}`).toBe(expected.test(text));
          const missing = characters.filter((own) => !next.includes(own) && expected.test(text + own));
          expect(missing, `${pattern} after ${JSON.stringify(text)}`).toEqual([]);
          if (next.length === 0) break;
          text += next[random.integer(next.length)]!;
        }
      }
    }
  });

  it.each([
    ["[一-龥]", /at most 256 of the characters beyond ASCII/],
    ["[^é]", /at most 256 of the characters beyond ASCII/],
    ["a^b", /"\^" at its beginning only/],
    ["a$b", /"\$" at its end only/],
    ["[]", /classes of no character/],
  ])("%s is refused", (pattern, message) => {
    expect(() => checkResponseFormat({ type: "regex", pattern })).toThrow(message);
  });
});

describe("a grammar", () => {
  it.each([
    [String.raw`root ::= [\^a]`, ["^", "a"]],
    [String.raw`root ::= [\^-c] "[^a]"?`, ["^", "a", "b", "c"].flatMap((own) => [own, `${own}[^a]`])],
    [String.raw`root ::= ("a" | "ab" | "ace" | "ddacd") "j"`, ["aj", "abj", "acej", "ddacdj"]],
    [String.raw`root ::= [a]* "j" | "aab" # as "a*j"`, undefined],
    [String.raw`root ::= [éè中] | [èũ] "a"`, ["é", "è", "中", "èa", "ũa"]],
  ])("%s allows what it says", async (grammar, texts) => {
    if (texts) return expectTexts({ type: "grammar", grammar }, texts);
    for (const [text, mayEnd] of [
      ["", false],
      ["aab", true],
      ["aaj", true],
      ["j", true],
      ["aa", false],
    ] as const)
      expect((await after({ type: "grammar", grammar }, text))?.mayEnd, text).toBe(mayEnd);
    for (const text of ["b", "aaab", "ab"])
      expect(await after({ type: "grammar", grammar }, text)).toBeUndefined();
  });

  it("with a class that the library can't have is refused", async () => {
    const grammar = "root ::= [一-龥]";
    await expect(constraints.make({ type: "grammar", grammar }, [END])).rejects.toThrow(ArgumentError);
    await expect(constraints.make({ type: "grammar", grammar }, [END])).rejects.toThrow(/beyond ASCII/);
  });
});
