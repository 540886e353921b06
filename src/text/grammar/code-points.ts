// Sets of characters, as the classes of grammars and of regular expressions write them.

/** Code points from the first to the last, the lowest range first, none beside another. */
export type CodePoints = readonly (readonly [first: number, last: number])[];

const LAST = 0x10ffff;
/** Codes of two halves of a character in UTF-16. No text in UTF-8 has them. */
const SURROGATES = [0xd800, 0xdfff] as const;
export const anyCodePoint: CodePoints = [
  [0, SURROGATES[0] - 1],
  [SURROGATES[1] + 1, LAST],
];

/** The ranges in order, those that touch as one. */
export function union(ranges: CodePoints): CodePoints {
  const merged: [number, number][] = [];
  for (const [first, last] of ranges.toSorted(([one], [other]) => one - other)) {
    const before = merged.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

export const intersect = (one: CodePoints, other: CodePoints): CodePoints =>
  one.flatMap(([first, last]) =>
    other
      .map(([own, end]) => [Math.max(first, own), Math.min(last, end)] as const)
      .filter(([own, end]) => own <= end),
  );

export function subtract(one: CodePoints, other: CodePoints): CodePoints {
  let left = one;
  for (const [first, last] of other)
    left = left.flatMap(([own, end]) =>
      [[own, Math.min(end, first - 1)] as const, [Math.max(own, last + 1), end] as const].filter(
        ([from, to]) => from <= to,
      ),
    );
  return left;
}

/** What a class names: characters, or a dash, which between two of them means all from one to the other. */
export type Named = readonly { readonly set: CodePoints; readonly isDash: boolean }[];

/** The characters of a class, which is given without its brackets. `read` knows how they are written. */
export function readClass(text: string, read: (text: string) => Named): CodePoints {
  const isNegative = text.startsWith("^");
  const named = read(isNegative ? text.slice(1) : text);
  const ranges: (readonly [number, number])[] = [];
  for (let index = 0; index < named.length; index++) {
    const isRange = named[index + 1]?.isDash && index + 2 < named.length;
    if (isRange) ranges.push([named[index]!.set[0]![0], named[(index += 2)]!.set[0]![1]]);
    else ranges.push(...named[index]!.set);
  }
  const set = intersect(union(ranges), anyCodePoint);
  return isNegative ? subtract(anyCodePoint, set) : set;
}

export const ascii: CodePoints = [[0, 0x7f]];
export const beyondAscii: CodePoints = subtract(anyCodePoint, ascii);

/** Characters beyond ASCII that a class may have, if it does not have all: the library has no ranges of them. */
const MOST_BEYOND = 256;

/** The characters of a class that are not ASCII. Undefined for a class that has some, but more than can be named one by one. */
export function beyond(set: CodePoints): "all" | readonly number[] | undefined {
  const own = intersect(set, beyondAscii);
  if (subtract(beyondAscii, own).length === 0) return "all";
  const count = own.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  if (count > MOST_BEYOND) return undefined;
  return own.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );
}

/** What a class must be, for whoever gave one of which `beyond` is undefined. */
export const expectedBeyond: string = `classes with none, all, or at most ${MOST_BEYOND} of the characters beyond ASCII`;
