// Sentence lengths like those of the STS benchmark in tokens (https://ixa2.si.ehu.eus/stswiki): most are short, some long.

/** Pairs of a part of the sentences and the length that they do not exceed. The shortest is set to 6. */
export const stsQuantiles: readonly (readonly [share: number, length: number])[] = [
  [0, 6],
  [0.05, 7],
  [0.25, 9],
  [0.5, 12],
  [0.75, 18],
  [0.95, 35],
  [1, 87],
];

/**
 * `count` lengths, taken from the middles of equal parts, on straight lines between the quantiles; the last is the longest of
 * all. They are shuffled by a fixed rule, because real batches are not sorted.
 */
export function stsLengths(count: number): number[] {
  const sorted = Array.from({ length: count }, (_, index) => lengthAt((index + 0.5) / count));
  if (count > 1) sorted[count - 1] = stsQuantiles.at(-1)![1];
  // A step that has no factor in common with the count visits every place once.
  let step = Math.max(1, Math.round(count * 0.382));
  while (greatestCommonDivisor(step, count) !== 1) step++;
  return sorted.map((_, index) => sorted[(index * step) % count]!);
}

function lengthAt(share: number): number {
  for (const [index, [highShare, highLength]] of stsQuantiles.entries()) {
    if (index === 0 || share > highShare) continue;
    const [lowShare, lowLength] = stsQuantiles[index - 1]!;
    const part = (share - lowShare) / (highShare - lowShare);
    return Math.round(lowLength + part * (highLength - lowLength));
  }
  return stsQuantiles.at(-1)![1];
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
