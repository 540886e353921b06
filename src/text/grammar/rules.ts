// The rules of a grammar in the form that the library brings every grammar into and writes it in: alternatives of sequences.
import { anyCodePoint, ascii, readClass, subtract, type CodePoints, type Named } from "./code-points.js";

/** What a text must go on with: one of these characters, any number of them, or what another rule derives. */
export type Part = { readonly set: CodePoints; readonly isRepeated?: boolean } | { readonly rule: string };
export type Sequence = readonly Part[];

export interface Rule {
  readonly name: string;
  /** Undefined for a rule in another form, which `text` has. */
  readonly alternatives?: readonly Sequence[];
  /** What is not alternatives: a form of its own, or a word on what follows. */
  readonly text: string;
}

const tokens =
  /"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]\*?|(?:Exclude)?Token\([^)]*\)|[A-Za-z_][\w.-]*(?:\{[\d, ]+\})?|\(=|[|]/gs;
const escaped = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))|./gsu;
const controls: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  t: 9,
  n: 10,
  v: 11,
  f: 12,
  r: 13,
  e: 27,
  0: 0,
};

export function readRules(grammar: string): readonly Rule[] {
  return grammar.split(/^(?=[A-Za-z_][\w.-]* ::= )/m).flatMap((own) => {
    const [head, name] = /^(\S+) ::= /.exec(own) ?? [];
    if (head === undefined) return [];
    const body = own.slice(head.length).trim();
    if (!body.startsWith("(")) return [{ name: name!, text: body }];
    const alternatives: Part[][] = [[]];
    for (const { 0: token, index } of body.matchAll(tokens)) {
      if (token === "(=") return [{ name: name!, alternatives, text: body.slice(index) }];
      if (token === "|") alternatives.push([]);
      else alternatives.at(-1)!.push(...partsOf(token));
    }
    return [{ name: name!, alternatives, text: "" }];
  });
}

function partsOf(token: string): readonly Part[] {
  if (token.startsWith('"')) return readCharacters(token.slice(1, -1)).map(({ set }) => ({ set }));
  if (!token.startsWith("[")) return [{ rule: token }];
  const isRepeated = token.endsWith("*");
  const set = readClass(token.slice(1, isRepeated ? -2 : -1), readCharacters);
  return [isRepeated ? { set, isRepeated } : { set }];
}

const readCharacters = (text: string): Named =>
  Array.from(text.matchAll(escaped), ([own, byte, short, long, letter]) => {
    const digits = byte ?? short ?? long;
    const code =
      digits !== undefined
        ? Number.parseInt(digits, 16)
        : letter !== undefined
          ? (controls[letter] ?? letter.codePointAt(0)!)
          : own.codePointAt(0)!;
    return { set: [[code, code]], isDash: own === "-" };
  });

export function writeRules(rules: readonly Rule[]): string {
  return rules
    .map(({ name, alternatives, text }) => {
      const body = alternatives?.map((own) => `(${own.length === 0 ? '""' : own.map(writePart).join(" ")})`);
      return `${name} ::= ${body ? `(${body.join(" | ")}) ` : ""}${text}`;
    })
    .join("\n");
}

const writePart = (part: Part): string =>
  "rule" in part ? part.rule : `${writeClass(part.set)}${part.isRepeated ? "*" : ""}`;

/** A class of ASCII by what is in it; one with all that is not ASCII by what is not in it; a character beyond alone as a text. */
function writeClass(set: CodePoints): string {
  const missing = subtract(anyCodePoint, set);
  const isNegative = subtract(missing, ascii).length === 0;
  if (!isNegative && set[0]![0] > 0x7f) return `"${write(set[0]![0])}"`;
  const ranges = (isNegative ? missing : set).map(([first, last]) => `${write(first)}-${write(last)}`);
  return `[${isNegative ? "^" : ""}${ranges.join("")}]`;
}

const write = (code: number): string => `\\U${code.toString(16).padStart(8, "0")}`;
