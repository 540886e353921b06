// Which regular expressions a text can be held to, and how they are written for the grammar library.
import { ArgumentError } from "../../errors.js";
import {
  anyCodePoint,
  beyond,
  expectedBeyond,
  intersect,
  readClass,
  subtract,
  type CodePoints,
  type Named,
} from "./code-points.js";

/** Atoms of a pattern, each counted as often as it may be repeated: a grammar has a state for each. */
const MOST_ATOMS = 10_000;

/** @throws ArgumentError unless JavaScript takes it for a regular expression, without what needs to look around or back. */
export function checkPattern(argument: string, pattern: string): string {
  const refuse = (expected: string): ArgumentError =>
    new ArgumentError({ argument, expected, received: pattern });
  try {
    void new RegExp(pattern, "u");
  } catch (error) {
    throw refuse(`a regular expression (${(error as Error).message})`);
  }
  // A letter for what is escaped, but for letters and digits, which mean something then.
  const bare = pattern.replaceAll(/\\[^A-Za-z0-9]/g, "a");
  if (/\\[1-9kbBpP]|\(\?(?!:)/.test(bare))
    throw refuse(
      "a regular expression without lookarounds, boundaries, classes of Unicode and references back",
    );
  if (/^.+\^|\$.+$/s.test(bare.replaceAll(/\[[^\]]*\]/g, "")))
    throw refuse('a regular expression with "^" at its beginning only, and "$" at its end only');
  if (countAtoms(bare) > MOST_ATOMS)
    throw refuse(`a regular expression of at most ${MOST_ATOMS} repeated parts`);
  for (const [, ownClass] of pattern.matchAll(atoms)) {
    const set = ownClass === undefined ? anyCodePoint : readClass(ownClass.slice(1, -1), readCharacters);
    if (set.length === 0) throw refuse("a regular expression without classes of no character");
    if (beyond(set) === undefined) throw refuse(`a regular expression of ${expectedBeyond}`);
  }
  return pattern;
}

const escapes =
  /\\u\{([0-9a-fA-F]+)\}|\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\c[A-Za-z]|\\[^]|[^]/gu;
const atoms = new RegExp(
  String.raw`(\[(?:\\.|[^\]\\])*\])|([*+?]|\{[\d,]*\})\??|(\((?:\?:)?|[)|^$])|${escapes.source}`,
  "gsu",
);
const classes: Readonly<Record<string, CodePoints>> = {
  d: [[48, 57]],
  w: [
    [48, 57],
    [65, 90],
    [95, 95],
    [97, 122],
  ],
  s: [
    [9, 13],
    [32, 32],
  ],
};
const lineEnds: CodePoints = [
  [10, 10],
  [13, 13],
];
const controls: Readonly<Record<string, number>> = { b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, 0: 0 };

/**
 * The pattern with its characters and classes by their codes, and without what the library takes for something else: it leaves "^" in
 * front of a class that is to have it, lets the question mark of a lazy repetition leave it out, and refuses alternatives of nothing.
 */
export function plainPattern(pattern: string): string {
  let isBeginning = true;
  const written = Array.from(pattern.matchAll(atoms), ([part, ownClass, repetition, structure]) => {
    const nothing = isBeginning && (part === "|" || part === ")") ? NOTHING : "";
    isBeginning = structure !== undefined && structure !== ")" && structure !== "$";
    if (ownClass !== undefined) return writeClass(readClass(ownClass.slice(1, -1), readCharacters));
    if (part === ".") return writeClass(subtract(anyCodePoint, lineEnds));
    return nothing + (repetition ?? structure ?? writeClass(readCharacters(part)[0]!.set));
  });
  return `${written.join("")}${isBeginning ? NOTHING : ""}`;
}

const NOTHING = "()";

const readCharacters = (text: string): Named =>
  Array.from(text.matchAll(escapes), (match) => {
    const [own] = match;
    const letter = own.length === 2 && own.startsWith("\\") ? own[1]! : "";
    const known = classes[letter.toLowerCase()];
    const code = codeOf(match, letter);
    const set = known ?? intersect([[code, code]], anyCodePoint);
    const isOpposite = known !== undefined && letter !== letter.toLowerCase();
    return { set: isOpposite ? subtract(anyCodePoint, set) : set, isDash: own === "-" };
  });

function codeOf([own, ...digits]: readonly (string | undefined)[], letter: string): number {
  if (letter !== "") return controls[letter] ?? letter.codePointAt(0)!;
  if (own!.startsWith("\\c")) return own!.codePointAt(2)! % 32;
  const [high, low] = digits.filter((part) => part !== undefined).map((part) => Number.parseInt(part, 16));
  if (low !== undefined) return (high! - 0xd800) * 0x400 + low - 0xdc00 + 0x10000;
  return high ?? own!.codePointAt(0)!;
}

/** "^" last, where it means itself. */
function writeClass(set: CodePoints): string {
  const others = subtract(set, CARET);
  const written = others.map(([first, last]) =>
    first === last ? write(first) : `${write(first)}-${write(last)}`,
  );
  if (intersect(set, CARET).length > 0) written.push(write(94));
  return written.length === 1 && !written[0]!.includes("-") ? written[0]! : `[${written.join("")}]`;
}

const CARET: CodePoints = [[94, 94]];
const write = (code: number): string => `\\u{${code.toString(16)}}`;

/** How many atoms a pattern has if every repetition is written out. `{n,}` counts n. */
function countAtoms(pattern: string): number {
  const groups = [0];
  /** What a repetition that follows repeats. */
  let last = 0;
  const parts = pattern.matchAll(/\\.|\[(?:\\.|[^\]\\])*\]|\{(\d+)(?:,(\d*))?\}|\((?:\?:)?|\)|[*+?|]|./gsu);
  for (const [part, least, most] of parts) {
    if (part.startsWith("(")) groups.push(0);
    else if (part === ")") {
      last = groups.pop()!;
      groups[groups.length - 1]! += last;
    } else if (least !== undefined)
      groups[groups.length - 1]! += last * (Math.max(Number(least), Number(most || 0)) - 1);
    else if (!"*+?|".includes(part)) {
      last = 1;
      groups[groups.length - 1]! += 1;
    }
  }
  return groups[0]!;
}
