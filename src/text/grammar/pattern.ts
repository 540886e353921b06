// Which regular expressions a text can be held to.
import { ArgumentError } from "../../errors.js";

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
  // Without what is escaped, but for letters and digits, which mean something then.
  const bare = pattern.replaceAll(/\\[^A-Za-z0-9]/g, "");
  if (/\\[1-9kbBpP]|\(\?(?!:)/.test(bare))
    throw refuse(
      "a regular expression without lookarounds, boundaries, classes of Unicode and references back",
    );
  if (countAtoms(bare) > MOST_ATOMS)
    throw refuse(`a regular expression of at most ${MOST_ATOMS} repeated parts`);
  return pattern;
}

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
