// Checks that callers pass options that exist. An option that is misspelt, or is that of another library, must not be ignored.
import { ArgumentError } from "../errors.js";

/** The names of the options `O`, every one of them. */
export type OptionNames<O> = Readonly<Record<keyof O, true>>;

/** @throws ArgumentError when `options` is no object, or has an option that is not among `names`. */
export function checkOptionNames<O extends object>(
  options: O,
  names: OptionNames<O>,
  argument = "options",
): void {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new ArgumentError({ argument, expected: "an object with options", received: options });
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(names, name)) continue;
    const known = Object.keys(names);
    const near = nearest(name, known);
    throw new ArgumentError({
      argument,
      expected: "known names",
      received: name,
      remedy: `${near === undefined ? "" : `Perhaps ${near} was meant. `}There are ${known.join(", ")}.`,
    });
  }
}

/** The name that differs least from `name`, if at most two fifths of it differ. `max_new_tokens` is near to `maxTokens`. */
function nearest(name: string, names: readonly string[]): string | undefined {
  const given = letters(name).slice(0, 40);
  let best: { readonly name: string; readonly edits: number } | undefined;
  for (const own of names) {
    const edits = countEdits(given, letters(own));
    if (5 * edits <= 2 * given.length && (!best || edits < best.edits)) best = { name: own, edits };
  }
  return best?.name;
}

const letters = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

/** The fewest letters to add, leave out or replace to get from one text to the other (Levenshtein's distance). */
function countEdits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
