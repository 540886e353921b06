// What texts that are held to a format can be: every one that ends by itself is valid, by another validator, and every schema that can't
// be held is refused.
import { Ajv2020 as Ajv } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../../../src/errors.js";
import { Constraints } from "../../../../src/text/grammar/constraints.js";
import { checkResponseFormat, type ResponseFormat } from "../../../../src/text/grammar/response-format.js";
import { caseCount } from "../../../helpers/long-run.js";
import { SeededRandom } from "../../../helpers/random.js";

/** Printable ASCII, what JSON has in pairs, some words, and two special tokens, of which the second ends a text. */
const words = [
  ...Array.from({ length: 95 }, (_, index) => (index === 0 ? "Ġ" : String.fromCharCode(32 + index))),
  "Ċ",
  '":',
  '",',
  '"}',
  '{"',
  "},",
  "true",
  "null",
  "Ã©",
  "name",
  "Ã", // bytes of "é"
  "©",
];
const END = words.length + 1;
const tokenizer = {
  model: { vocab: Object.fromEntries(words.map((word, id) => [word, id])) },
  added_tokens: [
    { id: words.length, content: "<|begin|>", special: true },
    { id: END, content: "<|end|>", special: true },
  ],
  decoder: { type: "ByteLevel" },
};
const vocabularySize = END + 7;
const constraints = new Constraints(tokenizer, vocabularySize);
const textOf = (ids: readonly number[]): string =>
  ids
    .map((id) => words[id]!)
    .join("")
    .replaceAll("Ġ", " ")
    .replaceAll("Ċ", "\n")
    .replaceAll("Ã©", "é");

/** A text of random tokens that may come next, and whether it has ended. The end is taken when it may be, more likely than anything else. */
async function walk(
  format: ResponseFormat,
  random: SeededRandom,
  most: number,
): Promise<{ text: string; isWhole: boolean }> {
  const constraint = await constraints.make(format, [END]);
  const ids: number[] = [];
  try {
    while (ids.length < most && !constraint.isComplete) {
      const { allowed } = constraint;
      const next = Array.from({ length: vocabularySize }, (_, id) => id).filter(
        (id) => (allowed[id >> 5]! >>> (id & 31)) & 1,
      );
      expect(next.length).toBeGreaterThan(0);
      expect(next.every((id) => id < words.length || id === END)).toBe(true);
      expect(constraint.mayEnd).toBe(next.includes(END));
      if (constraint.mayEnd && random.uniform() < 0.5) return { text: textOf(ids), isWhole: true };
      const others = next.filter((id) => id !== END);
      // What closes things comes often enough for texts to end.
      const closing = others.filter((id) => /^["}\]]/.test(words[id]!));
      const from = closing.length > 0 && random.uniform() < 0.4 ? closing : others;
      const id = from[random.integer(from.length)]!;
      ids.push(id);
      await constraint.advance(id);
    }
    return { text: textOf(ids), isWhole: constraint.isComplete };
  } finally {
    constraint.dispose();
  }
}

/** A schema of what can be held, at random. */
function randomSchema(random: SeededRandom, depth = 0): Record<string, unknown> {
  const sub = (): Record<string, unknown> => randomSchema(random, depth + 1);
  const some = <T>(make: () => T, most: number): T[] =>
    Array.from({ length: 1 + random.integer(most) }, make);
  const maybe = (own: object): object => (random.uniform() < 0.5 ? own : {});
  const kinds: readonly (() => Record<string, unknown>)[] = [
    () => ({ type: "boolean" }),
    () => ({ type: ["null", "boolean", "integer"] }),
    () => ({
      type: "integer",
      ...(random.uniform() < 0.3
        ? {}
        : { minimum: random.integer(50) - 25, exclusiveMaximum: 26 + random.integer(500) }),
    }),
    () => ({ type: "number" }),
    () => ({ type: "string", ...maybe({ minLength: random.integer(4), maxLength: 4 + random.integer(6) }) }),
    () => ({
      type: "string",
      format: ["date", "time", "date-time", "email", "ipv4", "uuid"][random.integer(6)]!,
    }),
    () => ({
      type: "string",
      pattern: ["^[A-Z]{2,4}-[0-9]+$", "^(red|green|blue)$", "^a?b*c+$"][random.integer(3)]!,
    }),
    () => ({ enum: [1, "a b", null, true, 'q"x', [2], { k: 1 }].slice(random.integer(6)) }),
    () => ({ const: ["fixed", 12, null, { a: [1, "é"] }][random.integer(4)] }),
    () => ({ type: "array", items: sub(), minItems: random.integer(2), maxItems: 2 + random.integer(3) }),
    () => ({ type: "array", prefixItems: some(sub, 2), items: random.uniform() < 0.5 ? false : sub() }),
    () => ({ anyOf: some(sub, 3) }),
    () => ({ oneOf: [{ type: "string", maxLength: 3 }, { type: "integer" }, { type: "null" }] }),
    () => {
      const properties = Object.fromEntries(some(() => [`p${random.integer(9)}`, sub()] as const, 4));
      const required = Object.keys(properties).filter(() => random.uniform() < 0.6);
      return { type: "object", properties, required, ...maybe({ additionalProperties: false }) };
    },
    () => ({ type: "object", additionalProperties: sub() }),
  ];
  // Deep inside, only what has nothing inside.
  return kinds[random.integer(depth < 3 ? kinds.length : 9)]!();
}

describe("texts that are held to a schema", () => {
  it("are valid if they end by themselves, whatever is chosen", { timeout: 600_000 }, async () => {
    const random = new SeededRandom(7);
    const ajv = new Ajv({ strict: false, validateFormats: false });
    let ended = 0;
    const schemas = caseCount({ usual: 120, long: 1000 });
    for (let index = 0; index < schemas; index++) {
      const schema = randomSchema(random);
      for (let round = 0; round < 3; round++) {
        const { text, isWhole } = await walk({ type: "json_schema", schema }, random, 400);
        if (!isWhole) continue;
        ended++;
        expect(
          ajv.validate(schema, JSON.parse(text)),
          `${text} of ${JSON.stringify(schema)}: ${ajv.errorsText()}`,
        ).toBe(true);
      }
    }
    expect(ended).toBeGreaterThan(1.5 * schemas);
  });

  it.each([
    ["date", (text: string) => new Date(`${text}T00:00:00Z`).toISOString().startsWith(text)],
    ["date-time", (text: string) => !Number.isNaN(Date.parse(text))],
    ["time", (text: string) => !Number.isNaN(Date.parse(`2026-01-01T${text}`))],
    [
      "ipv4",
      (text: string) => text.split(".").length === 4 && text.split(".").every((own) => Number(own) < 256),
    ],
    ["uuid", (text: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)],
    ["email", (text: string) => /^[^@\s]+@[^@\s]+\.[a-z]+$/.test(text)],
  ] as const)("have the format %s", async (format, isValid) => {
    const random = new SeededRandom(11);
    let ended = 0;
    for (let round = 0; round < 20; round++) {
      const { text, isWhole } = await walk(
        { type: "json_schema", schema: { type: "string", format } },
        random,
        200,
      );
      if (!isWhole) continue;
      ended++;
      expect(isValid(JSON.parse(text) as string), text).toBe(true);
    }
    expect(ended).toBeGreaterThan(10);
  });
});

/** A text of random tokens within a budget, of which those are put back that are refused. How many were. */
async function walkWithin(
  format: ResponseFormat,
  random: SeededRandom,
  budget: number,
): Promise<{ text: string; refused: number }> {
  const constraint = await constraints.make(format, [END], budget);
  const ids: number[] = [];
  let refused = 0;
  try {
    while (ids.length < budget && !constraint.isComplete) {
      const next = Array.from({ length: vocabularySize }, (_, id) => id).filter(
        (id) => (constraint.allowed[id >> 5]! >>> (id & 31)) & 1,
      );
      const id = next[random.integer(next.length)]!;
      if (id === END && random.uniform() < 0.3) break;
      const own = id === END && next.length > 1 ? next.filter((other) => other !== END)[0]! : id;
      if (own === END) break;
      if (constraint.refuses(own, budget - ids.length - 1)) {
        refused++;
        continue;
      }
      ids.push(own);
      await constraint.advance(own);
    }
    return { text: textOf(ids), refused };
  } finally {
    constraint.dispose();
  }
}

describe("a text with a budget", () => {
  it("is valid whenever it ends, whatever is chosen", { timeout: 600_000 }, async () => {
    const random = new SeededRandom(17);
    const ajv = new Ajv({ strict: false, validateFormats: false });
    const schemas = caseCount({ usual: 120, long: 1000 });
    let texts = 0;
    let refusedIn = 0;
    let tooSmall = 0;
    for (let index = 0; index < schemas; index++) {
      const schema = randomSchema(random);
      for (const budget of [8, 24, 60, 150]) {
        let found;
        try {
          found = await walkWithin({ type: "json_schema", schema }, random, budget);
        } catch (error) {
          // Some texts need more, and that is said before anything is written.
          expect(error).toMatchObject({ name: "ArgumentError", argument: "maxTokens" });
          expect(budget).toBeLessThan(150);
          tooSmall++;
          continue;
        }
        texts++;
        if (found.refused > 0) refusedIn++;
        const told = `${found.text} of ${JSON.stringify(schema)} in ${budget}`;
        expect(ajv.validate(schema, JSON.parse(found.text)), `${told}: ${ajv.errorsText()}`).toBe(true);
      }
    }
    expect(texts).toBeGreaterThan(2.5 * schemas);
    expect(refusedIn).toBeGreaterThan(0.3 * schemas);
    expect(tooSmall).toBeGreaterThan(0);
  });

  it("ends within it, for expressions and choices too", async () => {
    const random = new SeededRandom(5);
    for (let round = 0; round < 20; round++) {
      expect((await walkWithin({ type: "regex", pattern: "(ab)*c{3}d?" }, random, 12)).text).toMatch(
        /^(ab)*ccc(d?)$/,
      );
      // The other one has too many letters.
      expect((await walkWithin({ type: "choice", choices: ["perhaps", "yes"] }, random, 4)).text).toBe("yes");
    }
  });
});

const refusal = (schema: unknown): string => {
  try {
    checkResponseFormat({ type: "json_schema", schema: schema as object });
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentError);
    return (error as Error).message;
  }
  return "accepted";
};

describe("a schema", () => {
  it.each([
    [{ type: "number", minimum: 2 }, /minimum: expected keywords that can be held for number/],
    [{ type: "integer", minimum: 1.5 }, /minimum: expected a whole number/],
    [{ type: "integer", minimum: 5, exclusiveMaximum: 5 }, /a range of 1 to 1000 whole numbers/],
    [{ type: "integer", minimum: 5 }, /a range of 1 to 1000 whole numbers/],
    [{ type: "integer", multipleOf: 2 }, /multipleOf/],
    [{ type: "string", pattern: "a+" }, /a pattern of the whole text/],
    [{ type: "string", pattern: "^a.b$" }, /characters that are named/],
    [{ type: "string", pattern: "^[^a]$" }, /characters that are named/],
    [{ type: "string", pattern: "^a\\sb$" }, /characters that are named/],
    [{ type: "string", pattern: '^"$' }, /characters that are named/],
    [{ type: "string", pattern: "^a|b$" }, /alternatives in parentheses/],
    [{ type: "string", pattern: "^a$", minLength: 1 }, /one of pattern, format/],
    [{ type: "string", format: "hostname" }, /format: expected date, time/],
    [{ type: "string", minLength: 3, maxLength: 2 }, /minLength: expected at most maxLength/],
    [{ minLength: 2, minimum: 3 }, /minLength: expected a type beside it/],
    [{ type: "array", contains: {} }, /contains/],
    [{ type: "array", uniqueItems: true }, /uniqueItems/],
    [{ type: "object", required: ["a"] }, /required: expected names of properties/],
    [
      { type: "object", properties: { a: {} }, additionalProperties: { type: "null" } },
      /true or false beside properties/,
    ],
    [{ type: "object", properties: { 'a"b': {} } }, /names without quotes/],
    [{ type: "object", patternProperties: {} }, /patternProperties/],
    [{ allOf: [{}, {}] }, /a single schema in allOf/],
    [{ anyOf: [{}], type: "null" }, /nothing beside anyOf/],
    [{ oneOf: [{ type: "integer" }, { type: "number" }] }, /schemas of different types/],
    [{ oneOf: [{ const: 1 }, { enum: [1, "a"] }] }, /schemas of different types/],
    [{ if: {} }, /if/],
    [{ not: {} }, /not/],
    [{ $ref: "#/properties/a" }, /\$ref/],
    [{ $ref: "#/$defs/a" }, /a schema in \$defs/],
    [{ properties: { a: { properties: { b: { not: {} } } } } }, /schema\.properties\.a\.properties\.b\.not/],
    [false, /expected a JSON schema/],
    [{ items: false, type: "array", prefixItems: [] }, /a list of schemas/],
  ] as const)("%j is refused by name", (schema, message) => {
    expect(refusal(schema)).toMatch(message);
  });

  it("may refer to itself and say what means nothing", async () => {
    const schema = {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      title: "A tree",
      type: "object",
      properties: {
        value: { type: "integer", description: "any" },
        next: { anyOf: [{ type: "null" }, { $ref: "#" }] },
      },
      required: ["value", "next"],
    };
    const { text } = await walk({ type: "json_schema", schema }, new SeededRandom(3), 300);
    expect(text).toMatch(/^\{/);
  });

  it("that is nested without an end is refused", () => {
    let schema: object = { type: "null" };
    for (let depth = 0; depth < 100; depth++) schema = { type: "array", items: schema };
    expect(refusal(schema)).toMatch(/at most 64 schemas within one another/);
  });
});

it("a tokenizer whose tokens are no pieces of text is refused", async () => {
  const other = new Constraints({ model: { vocab: { "[UNK]": 0 } }, decoder: { type: "WordPiece" } }, 1);
  await expect(other.make({ type: "json_object" }, [0])).rejects.toThrow(
    /tokens are bytes, or pieces of text/,
  );
});

it("a text may end where anything may follow, and where an end is all that may", async () => {
  for (const [pattern, text, mayEnd] of [
    ["[^%]*", "ab", true],
    ["[^%]+%", "ab", false],
    ["[^%]+%", "ab%", true],
  ] as const) {
    const constraint = await constraints.make({ type: "regex", pattern }, [END, END - 1]);
    for (const letter of text) await constraint.advance(words.indexOf(letter));
    expect(constraint.mayEnd, `${pattern} ${text}`).toBe(mayEnd);
    for (const end of [END, END - 1])
      expect(((constraint.allowed[end >> 5]! >>> (end & 31)) & 1) === 1).toBe(mayEnd);
    expect(constraint.isComplete).toBe(text.endsWith("%"));
    constraint.dispose();
  }
});

it("a grammar may have rules of schemas and of special tokens", async () => {
  const schema = { type: "object", properties: { name: { enum: [true, null] } }, required: ["name"] };
  const format = {
    type: "grammar",
    grammar: 'root ::= one "<|begin|>"? other',
    schemas: { one: schema, other: { type: "boolean" } },
  } as const;
  const random = new SeededRandom(2);
  for (let round = 0; round < 20; round++) {
    const { text, isWhole } = await walk(format, random, 100);
    if (isWhole) expect(text).toMatch(/^\{\s*"name"\s*:\s*(true|null)\s*\}(<\|begin\|>)?(true|false)$/);
  }
  const begin = words.length;
  for (const [specialTokens, isAllowed] of [
    [[], false],
    [["<|begin|>", "<|none|>"], true],
  ] as const) {
    const constraint = await constraints.make(
      { type: "grammar", grammar: 'root ::= "<|begin|>" "a"', specialTokens },
      [END],
    );
    expect(((constraint.allowed[begin >> 5]! >>> (begin & 31)) & 1) === 1).toBe(isAllowed);
    constraint.dispose();
  }
  for (const [odd, message] of [
    [{ schemas: { root: {} } }, /schemas: expected names of letters and digits, but "root"/],
    [{ schemas: { a_b: {} } }, /schemas: expected names of letters/],
    [{ schemas: { a: 7 } }, /schemas\.a: expected a JSON schema/],
    [{ schemas: { a: { not: {} } } }, /schemas\.a\.not/],
    [{ schemas: 7 }, /by the names of their rules/],
    [{ specialTokens: "x" }, /specialTokens: expected a list of texts/],
  ] as const)
    expect(() =>
      checkResponseFormat({ type: "grammar", grammar: 'root ::= "a"', ...odd } as unknown as ResponseFormat),
    ).toThrow(message);
});

it("a text goes on when its grammar is no longer kept", async () => {
  const constraint = await constraints.make({ type: "choice", choices: ["abc"] }, [END]);
  for (let index = 0; index < 40; index++)
    (await constraints.make({ type: "choice", choices: [`other ${index}`] }, [END])).dispose();
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (const letter of "abc") await constraint.advance(words.indexOf(letter));
  expect(constraint.isComplete).toBe(true);
  constraint.dispose();
  const { text } = await walk({ type: "choice", choices: ["abc"] }, new SeededRandom(1), 10);
  expect(text).toBe("abc");
});
