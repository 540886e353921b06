// Beginnings of texts for the benchmark of decoding: words that every tokenizer of English knows, no two alike, so that no cache has
// one because of another.

const whos = [
  "The girl",
  "A sailor",
  "My doctor",
  "Our teacher",
  "One cat",
  "That farmer",
  "Every fox",
  "Their baker",
];
const places = ["near", "in", "on", "by", "from", "under", "behind", "with"];

/** At most 64. */
export function makePrompts(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const who = whos[index % whos.length]!;
    return `${who} ${places[Math.floor(index / whos.length)]!} the`;
  });
}
