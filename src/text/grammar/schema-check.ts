// Which JSON schemas a text can be held to: what the grammar library honours is written out for it, and everything else is refused by
// name, so that no keyword is ever ignored. Semantics: JSON Schema 2020-12.
import { ArgumentError } from "../../errors.js";
import { isRecord } from "../../util/json-value.js";
import { checkPattern, plainPattern } from "./pattern.js";

type Schema = Readonly<Record<string, unknown>>;

const types = ["string", "integer", "number", "boolean", "null", "array", "object"] as const;
type TypeName = (typeof types)[number];

/** Say nothing about what is valid. */
const annotations = new Set([
  "$schema",
  "$id",
  "$comment",
  "$defs",
  "definitions",
  "title",
  "description",
  "default",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
]);

/** What may stand in a schema of a type beside "type". */
const keywordsOf: Readonly<Record<TypeName, readonly string[]>> = {
  string: ["minLength", "maxLength", "pattern", "format"],
  integer: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
  // Of other numbers the library knows no ranges.
  number: [],
  boolean: [],
  null: [],
  array: ["items", "prefixItems", "minItems", "maxItems"],
  object: ["properties", "required", "additionalProperties"],
};

const DAY =
  "[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))";
const TIME = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";
const WORD = "[a-z0-9]{1,20}(-[a-z0-9]{1,20}){0,3}";
const BYTE = "([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])";

/** A part of what each format allows: no days that only leap years have, no leap seconds, addresses in lower case. */
const formats: Readonly<Record<string, string>> = {
  date: DAY,
  time: TIME,
  "date-time": `${DAY}T${TIME}`,
  email: `${WORD}([.]${WORD}){0,3}@${WORD}([.]${WORD}){0,3}[.][a-z]{2,8}`,
  ipv4: `(${BYTE}[.]){3}${BYTE}`,
  uuid: "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
};

const MOST_DEPTH = 64;
const MOST_INTEGERS = 1000;

/**
 * The schema, which callers know as `argument`, in the form that the library honours.
 * @throws ArgumentError that names the keyword which can't be held.
 */
export function checkSchema(root: Schema, argument: string): Schema {
  return new SchemaCheck(root).check(root, argument, 0);
}

class SchemaCheck {
  readonly #root: Schema;

  constructor(root: Schema) {
    this.#root = root;
  }

  check(schema: unknown, path: string, depth: number): Schema {
    if (depth > MOST_DEPTH) throw refused(path, `at most ${MOST_DEPTH} schemas within one another`, "more");
    if (schema === true) return {};
    if (!isRecord(schema)) throw refused(path, "a schema that can be met", schema);
    const given = Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined));
    const keys = Object.keys(given).filter((key) => !annotations.has(key));
    const definitions = schema === this.#root ? this.#definitions(given, path, depth) : {};
    return { ...definitions, ...this.#body(given, keys, path, depth) };
  }

  #body(schema: Schema, keys: readonly string[], path: string, depth: number): Schema {
    for (const [key, check] of [
      ["$ref", (value: unknown) => this.#reference(value, `${path}.$ref`)],
      ["const", (value: unknown) => value],
      ["enum", (value: unknown) => checkEnum(value, `${path}.enum`)],
      ["anyOf", (value: unknown) => this.#list(value, `${path}.anyOf`, depth)],
      ["oneOf", (value: unknown) => disjoint(this.#list(value, `${path}.oneOf`, depth), `${path}.oneOf`)],
      ["allOf", (value: unknown) => this.#list(value, `${path}.allOf`, depth)],
    ] as const) {
      if (!keys.includes(key)) continue;
      // The type of a value that is given is no news.
      const others = keys.filter(
        (own) => own !== key && !(own === "type" && (key === "const" || key === "enum")),
      );
      if (others.length > 0)
        throw refused(`${path}.${others[0]}`, `nothing beside ${key}`, schema[others[0]!]);
      const value = check(schema[key]);
      if (key === "const") return { const: value };
      if (key === "oneOf") return { anyOf: value };
      if (key === "allOf") {
        const [only, ...more] = value as readonly Schema[];
        if (more.length > 0) throw refused(path, "a single schema in allOf", `${more.length + 1}`);
        return only!;
      }
      return { [key]: value };
    }
    return this.#typed(schema, keys, path, depth);
  }

  #typed(schema: Schema, keys: readonly string[], path: string, depth: number): Schema {
    const own = keys.filter((key) => key !== "type");
    const named = typesOf(schema["type"], own, path);
    if (named === undefined) return {};
    for (const key of own)
      if (!named.some((type) => keywordsOf[type].includes(key)))
        throw refused(`${path}.${key}`, `keywords that can be held for ${named.join(" or ")}`, schema[key]);
    const checked = named.map((type) =>
      this.#ofType(
        type,
        schema,
        own.filter((key) => keywordsOf[type].includes(key)),
        path,
        depth,
      ),
    );
    return checked.length === 1 ? checked[0]! : { anyOf: checked };
  }

  #ofType(type: TypeName, schema: Schema, keys: readonly string[], path: string, depth: number): Schema {
    const own: Record<string, unknown> = { type };
    for (const key of keys) own[key] = schema[key];
    if (type === "string") checkString(own, path);
    if (type === "integer" && keys.length > 0) return { enum: integersOf(own, path) };
    if (type === "array") {
      checkCount(own, ["minItems", "maxItems"], path);
      const { items = true } = own;
      own["items"] = items === false ? false : this.check(items, `${path}.items`, depth + 1);
      if ("prefixItems" in own)
        own["prefixItems"] = this.#list(own["prefixItems"], `${path}.prefixItems`, depth);
      // The library writes all of the first items, though a text with fewer is valid.
      const { prefixItems = [], maxItems = Infinity } = own as { prefixItems?: unknown[]; maxItems?: number };
      if (maxItems < prefixItems.length)
        throw refused(`${path}.maxItems`, "no fewer than there are prefixItems", maxItems);
    }
    if (type === "object") this.#object(own, path, depth);
    return own;
  }

  #object(own: Record<string, unknown>, path: string, depth: number): void {
    const properties = own["properties"] ?? {};
    if (!isRecord(properties)) throw refused(`${path}.properties`, "an object of schemas", properties);
    own["properties"] = Object.fromEntries(
      Object.entries(properties).map(([name, schema]) => [
        name,
        this.check(schema, `${path}.properties.${name}`, depth + 1),
      ]),
    );
    const required = own["required"] ?? [];
    if (!Array.isArray(required) || !required.every((name) => typeof name === "string"))
      throw refused(`${path}.required`, "a list of names", required);
    const unknown = required.find((name: string) => !Object.hasOwn(properties, name));
    if (unknown !== undefined) throw refused(`${path}.required`, "names of properties", unknown);
    const names = Object.keys(properties);
    for (const name of names)
      // oxlint-disable-next-line no-control-regex -- these are what JSON writes otherwise
      if (/[\u0000-\u001f"\\]/.test(name))
        throw refused(`${path}.properties`, "names without quotes, backslashes and control characters", name);
    const { additionalProperties: additional = true } = own;
    // A text of the properties that are named is valid where others may come. One of the others could repeat a name.
    if (names.length === 0)
      own["additionalProperties"] =
        typeof additional === "boolean"
          ? additional
          : this.check(additional, `${path}.additionalProperties`, depth + 1);
    else if (typeof additional === "boolean") own["additionalProperties"] = false;
    else throw refused(`${path}.additionalProperties`, "true or false beside properties", additional);
  }

  #list(value: unknown, path: string, depth: number): readonly Schema[] {
    if (!Array.isArray(value) || value.length === 0) throw refused(path, "a list of schemas", value);
    return value.map((own, index) => this.check(own, `${path}[${index}]`, depth + 1));
  }

  #definitions(schema: Schema, path: string, depth: number): Schema {
    const found: Record<string, unknown> = {};
    for (const key of ["$defs", "definitions"]) {
      const own = schema[key];
      if (own === undefined) continue;
      if (!isRecord(own)) throw refused(`${path}.${key}`, "an object of schemas", own);
      found[key] = Object.fromEntries(
        Object.entries(own).map(([name, value]) => [
          name,
          this.check(value, `${path}.${key}.${name}`, depth + 1),
        ]),
      );
    }
    return found;
  }

  /** References to the whole and to its definitions are those that the library follows. */
  #reference(reference: unknown, path: string): string {
    const found =
      typeof reference === "string" ? /^#(?:\/(\$defs|definitions)\/([^/~%]+))?$/.exec(reference) : null;
    if (!found) throw refused(path, '"#", or "#/$defs/NAME"', reference);
    const [, key, name] = found;
    if (key !== undefined) {
      const definitions = this.#root[key];
      if (!isRecord(definitions) || !Object.hasOwn(definitions, name!))
        throw refused(path, `a schema in ${key}`, reference);
    }
    return reference as string;
  }
}

/** The types that a schema is of. Undefined if it allows everything. */
function typesOf(given: unknown, keys: readonly string[], path: string): readonly TypeName[] | undefined {
  if (given !== undefined) {
    const named = Array.isArray(given) ? given : [given];
    const wrong = named.find((own) => !types.includes(own as TypeName));
    if (wrong !== undefined || named.length === 0)
      throw refused(`${path}.type`, types.join(", "), wrong ?? given);
    return named as TypeName[];
  }
  if (keys.length === 0) return undefined;
  // A schema that says how objects are allows everything that is none. A text that is one is valid.
  const meant = types.filter(
    (type) => type !== "integer" && keys.every((key) => keywordsOf[type].includes(key)),
  );
  if (meant.length !== 1)
    throw refused(`${path}.${keys[0]}`, `a type beside it, and keywords that can be held`, "none");
  return meant;
}

function checkString(own: Record<string, unknown>, path: string): void {
  checkCount(own, ["minLength", "maxLength"], path);
  const given = ["pattern", "format"].filter((key) => key in own);
  if (given.length > 1 || (given.length === 1 && ("minLength" in own || "maxLength" in own)))
    throw refused(
      `${path}.${given[0]}`,
      "one of pattern, format, and minLength with maxLength",
      own[given[0]!],
    );
  const { format } = own;
  if (format !== undefined) {
    if (typeof format !== "string" || !Object.hasOwn(formats, format))
      throw refused(`${path}.format`, Object.keys(formats).join(", "), format);
    delete own["format"];
    own["pattern"] = `^${formats[format]!}$`;
  } else if ("pattern" in own) own["pattern"] = wholePattern(own["pattern"], `${path}.pattern`);
}

/** A pattern of JSON Schema may match anywhere, and the text may have characters that JSON writes otherwise; the library does neither. */
function wholePattern(pattern: unknown, path: string): string {
  if (typeof pattern !== "string") throw refused(path, "a text", pattern);
  const body = /^\^(.*)\$$/s.exec(checkPattern(path, pattern))?.[1];
  if (body === undefined) throw refused(path, 'a pattern of the whole text, from "^" to "$"', pattern);
  const bare = body.replaceAll(/\\[^A-Za-z0-9"\\]/g, "").replaceAll(/\\[dw]/g, "");
  const classes = bare.replaceAll(/\[[^\]]*\]/g, (own) => (/^\[\^|["\\]/.test(own) ? '"' : ""));
  if (/["\\.]/.test(classes) || /[^\x20-\x7e]/.test(body))
    throw refused(path, "a pattern of characters that are named, and that JSON writes as they are", pattern);
  let depth = 0;
  for (const own of classes) {
    if (own === "(") depth++;
    if (own === ")") depth--;
    if (own === "|" && depth === 0) throw refused(path, "alternatives in parentheses", pattern);
  }
  return `^${plainPattern(body)}$`;
}

/** The numbers of a range. The library takes some beyond the bounds of a range for numbers in it, so each is written out. */
function integersOf(own: Readonly<Record<string, unknown>>, path: string): readonly number[] {
  for (const key of keywordsOf.integer)
    if (key in own && !Number.isSafeInteger(own[key]))
      throw refused(`${path}.${key}`, "a whole number", own[key]);
  const [minimum, above, maximum, below] = ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"].map(
    (key) => own[key] as number | undefined,
  );
  const least = Math.max(minimum ?? -Infinity, (above ?? -Infinity) + 1);
  const most = Math.min(maximum ?? Infinity, (below ?? Infinity) - 1);
  if (least > most || most - least >= MOST_INTEGERS)
    throw refused(path, `a range of 1 to ${MOST_INTEGERS} whole numbers`, `${least} to ${most}`);
  return Array.from({ length: most - least + 1 }, (_, index) => least + index);
}

function checkCount(
  own: Readonly<Record<string, unknown>>,
  [least, most]: readonly [string, string],
  path: string,
): void {
  for (const key of [least, most]) {
    const value = own[key];
    if (
      value !== undefined &&
      !(Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= 10_000)
    )
      throw refused(`${path}.${key}`, "a whole number from 0 to 10,000", value);
  }
  if (Number(own[least] ?? 0) > Number(own[most] ?? Infinity))
    throw refused(`${path}.${least}`, `at most ${most}`, own[least]);
}

function checkEnum(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0) return value as readonly unknown[];
  throw refused(path, "a list of values", value);
}

/** Exactly one of these may be met. The grammar allows any, which is the same if no value meets two: if they differ in their types. */
function disjoint(schemas: readonly Schema[], path: string): readonly Schema[] {
  const seen = new Set<string>();
  for (const schema of schemas) {
    const own =
      "const" in schema
        ? [kindOf(schema["const"])]
        : "enum" in schema
          ? (schema["enum"] as unknown[]).map(kindOf)
          : [schema["type"]];
    for (const kind of own) {
      const name = kind === "integer" ? "number" : kind;
      if (typeof name !== "string" || seen.has(name))
        throw refused(path, "schemas of different types; anyOf takes others", "others");
    }
    for (const kind of own) seen.add(kind === "integer" ? "number" : (kind as string));
  }
  return schemas;
}

const kindOf = (value: unknown): string =>
  value === null
    ? "null"
    : Array.isArray(value)
      ? "array"
      : typeof value === "object"
        ? "object"
        : typeof value;

const refused = (argument: string, expected: string, received: unknown): ArgumentError =>
  new ArgumentError({
    argument,
    expected,
    received,
    remedy: "A keyword that can't be held is not ignored: leave it out, and check for it in the result.",
  });
