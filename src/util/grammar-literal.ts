// Texts in the EBNF of grammars.

/** A text as a literal. */
export const grammarLiteral = (text: string): string =>
  `"${text.replaceAll(/["\\]|[^\x20-\x7e]/gu, (own) => `\\U${own.codePointAt(0)!.toString(16).padStart(8, "0")}`)}"`;

/** Any character but these, which are ASCII: the library takes no others here. */
export const characterBut = (excluded: Iterable<string>): string =>
  `[^${[...new Set(excluded)].map((own) => `\\x${own.codePointAt(0)!.toString(16).padStart(2, "0")}`).join("")}]`;
