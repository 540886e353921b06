// What a generated text must be like, as callers say it, checked.
import { ArgumentError } from "../../errors.js";
import { grammarLiteral } from "../../util/grammar-literal.js";
import { isRecord } from "../../util/json-value.js";
import { checkPattern, plainPattern } from "./pattern.js";
import { checkSchema } from "./schema-check.js";

/** What a generated text must be like. Only tokens are chosen with which it still can be. */
export type ResponseFormat =
  /** JSON that a schema allows. Keywords that can't be held are refused by name. */
  | { readonly type: "json_schema"; readonly schema: object }
  /** A JSON object. */
  | { readonly type: "json_object" }
  /**
   * A text that a regular expression of JavaScript matches from its beginning to its end. A dot is anything but \n and \r, spaces are those
   * of ASCII, and a class has none, all or at most 256 of the characters beyond ASCII.
   */
  | { readonly type: "regex"; readonly pattern: string }
  /** One of these texts. */
  | { readonly type: "choice"; readonly choices: readonly string[] }
  /** A text that a grammar derives from its rule "root": EBNF as XGrammar has it, which GBNF is close to. */
  | {
      readonly type: "grammar";
      readonly grammar: string;
      /** Further rules by their names: JSON that a schema allows. */
      readonly schemas?: Readonly<Record<string, object>>;
      /** Special tokens, such as "[TOOL_CALLS]", that may write what reads like them. Others are no part of a text. */
      readonly specialTokens?: readonly string[];
    };

/** A format in the form that the library compiles. Equal formats have equal keys. */
export interface CheckedFormat {
  readonly key: string;
  readonly source:
    /** Strict: no object has properties that it does not name. */
    { readonly schema: string; readonly isStrict: boolean } | { readonly pattern: string } | CheckedGrammar;
}

export interface CheckedGrammar {
  readonly grammar: string;
  /** Rules that the library is to make of schemas. */
  readonly schemas: readonly { readonly rule: string; readonly schema: string }[];
  readonly specialTokens: readonly string[];
}

/** More would take the library long, and no model's text needs it. */
const MOST_CHARACTERS = 100_000;
const MOST_CHOICES = 1000;
const MOST_SCHEMAS = 1000;

/** @throws ArgumentError for what is no format, and for keywords of a schema that can't be held. */
export function checkResponseFormat(format: ResponseFormat): CheckedFormat {
  const source = sourceOf(format);
  return { key: JSON.stringify(source), source };
}

function sourceOf(format: ResponseFormat): CheckedFormat["source"] {
  if (!isRecord(format))
    throw unusable("responseFormat", 'an object with a type, such as { type: "json_object" }', format);
  switch (format.type) {
    case "json_object":
      return { schema: '{"type":"object"}', isStrict: false };
    case "json_schema": {
      const { schema } = format;
      if (!isRecord(schema))
        throw unusable("responseFormat.schema", "a JSON schema that is an object", schema);
      return { schema: schemaText(schema, "responseFormat.schema"), isStrict: true };
    }
    case "regex":
      return {
        pattern: plainPattern(
          checkPattern("responseFormat.pattern", checkText("responseFormat.pattern", format.pattern)),
        ),
      };
    case "choice":
      return { grammar: choiceGrammar(format.choices), schemas: [], specialTokens: [] };
    case "grammar":
      return {
        grammar: checkGrammar(checkText("responseFormat.grammar", format.grammar)),
        schemas: checkSchemas(format.schemas),
        specialTokens: checkTokens(format.specialTokens),
      };
    default:
      throw unusable(
        "responseFormat.type",
        '"json_schema", "json_object", "regex", "choice" or "grammar"',
        (format as { readonly type?: unknown }).type,
      );
  }
}

function choiceGrammar(choices: readonly string[]): string {
  const argument = "responseFormat.choices";
  if (!Array.isArray(choices) || choices.length === 0 || choices.length > MOST_CHOICES)
    throw unusable(argument, `1 to ${MOST_CHOICES} texts`, choices);
  const texts = choices.map((own, index) => grammarLiteral(checkText(`${argument}[${index}]`, own)));
  return checkLength(argument, `root ::= ${texts.join(" | ")}`);
}

function checkGrammar(grammar: string): string {
  if (/^\s*root\s*::=/m.test(grammar)) return caretsLast(grammar);
  throw unusable("responseFormat.grammar", 'a grammar with a rule "root ::= …"', grammar);
}

/** The grammar with classes that begin with an escaped "^" so that it ends them: the library forgets that it was escaped. */
const caretsLast = (grammar: string): string =>
  grammar.replaceAll(
    /"(?:\\.|[^"\\])*"|#.*|\[\\(?:\^|x5[eE]|u005[eE])(-?)((?:\\.|[^\]\\])+)\]|\[(?:\\.|[^\]\\])*\]/g,
    (own, dash?: string, rest?: string) =>
      rest === undefined ? own : `[${dash ? "_-" : ""}${rest.replace(/-$/, "\\-")}\\^]`,
  );

const schemaText = (schema: Readonly<Record<string, unknown>>, argument: string): string =>
  checkLength(argument, JSON.stringify(checkSchema(schema, argument)));

function checkSchemas(schemas: Readonly<Record<string, object>> = {}): CheckedGrammar["schemas"] {
  const argument = "responseFormat.schemas";
  if (!isRecord(schemas) || Object.keys(schemas).length > MOST_SCHEMAS)
    throw unusable(argument, `at most ${MOST_SCHEMAS} schemas by the names of their rules`, schemas);
  return Object.entries(schemas).map(([rule, schema]) => {
    // The library's rules have underscores in their names.
    if (!/^[A-Za-z][A-Za-z0-9]*$/.test(rule) || rule === "root")
      throw unusable(argument, 'names of letters and digits, but "root"', rule);
    const own = `${argument}.${rule}`;
    if (!isRecord(schema)) throw unusable(own, "a JSON schema that is an object", schema);
    return { rule, schema: schemaText(schema, own) };
  });
}

function checkTokens(tokens: readonly string[] = []): readonly string[] {
  if (Array.isArray(tokens) && tokens.every((own) => typeof own === "string")) return tokens;
  throw unusable("responseFormat.specialTokens", "a list of texts", tokens);
}

function checkText(argument: string, text: unknown): string {
  if (typeof text !== "string" || text === "") throw unusable(argument, "a text that is not empty", text);
  return checkLength(argument, text);
}

function checkLength(argument: string, text: string): string {
  if (text.length <= MOST_CHARACTERS) return text;
  throw unusable(argument, `at most ${MOST_CHARACTERS} characters`, `${text.length} characters`);
}

const unusable = (argument: string, expected: string, received: unknown): ArgumentError =>
  new ArgumentError({ argument, expected, received });
