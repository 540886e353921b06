// Checks that callers pass options that exist. An option that is misspelt, or is that of another library, must not be ignored.
import { ArgumentError } from "../errors.js";

/** The names of the options `O`, every one of them. */
export type OptionNames<O> = Readonly<Record<keyof O, true>>;

/** @throws ArgumentError when `options` is no object, has an option that is not among `names`, or a signal or callback that is none. */
export function checkOptionNames<O extends object>(
  options: O,
  names: OptionNames<O>,
  argument = "options",
): void {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new ArgumentError({ argument, expected: "an object with options", received: options });
  for (const [name, value] of Object.entries(options as Readonly<Record<string, unknown>>)) {
    if (Object.hasOwn(names, name)) {
      checkUsable(name, value);
      continue;
    }
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

/** Signals and callbacks are used long after the call, where what is none would fail without saying where it came from. */
function checkUsable(name: string, value: unknown): void {
  if (value === undefined) return;
  if (/^on[A-Z]/.test(name) && typeof value !== "function")
    throw new ArgumentError({ argument: name, expected: "a function", received: value });
  if (name === "signal" && !isSignal(value))
    throw new ArgumentError({
      argument: name,
      expected: "an AbortSignal",
      received: value,
      remedy: "It is the signal of an AbortController.",
    });
}

/** The options of a call, whose signal and progress stay on this side of a worker. @throws ArgumentError. */
export function checkedCallbacks<
  O extends { readonly signal?: AbortSignal; readonly onProgress?: unknown; readonly onRecovery?: unknown },
>(options: O): O {
  if (typeof options !== "object" || options === null)
    throw new ArgumentError({ argument: "options", expected: "an object with options", received: options });
  checkUsable("signal", options.signal);
  checkUsable("onProgress", options.onProgress);
  checkUsable("onRecovery", options.onRecovery);
  return options;
}

const isSignal = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "aborted" in value && "addEventListener" in value;

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
