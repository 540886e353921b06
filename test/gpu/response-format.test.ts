// Texts that are held to a format, with the embedded model, which knows nothing of JSON: the worst case.
import { Ajv2020 as Ajv } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ArgumentError } from "../../src/errors.js";
import { Model } from "../../src/runtime/model.js";
import type { Generation } from "../../src/runtime/generate/handle.js";
import type { ResponseFormat } from "../../src/text/grammar/response-format.js";
import { readJson, repositoryFile } from "../helpers/data-files.js";
import { readBytes } from "../helpers/data-files.js";
import { rejection } from "../helpers/rejection.js";

const folder = repositoryFile("src/demo/models/tinystories-gpt2");
let model: Model;

beforeAll(async () => {
  const json = async (name: string): Promise<object> => (await readJson<object>(`${folder}/${name}`))!;
  model = await Model.load({
    config: await json("config.json"),
    weights: await readBytes(`${folder}/model.safetensors`),
    tokenizer: await json("tokenizer.json"),
    tokenizerConfig: await json("tokenizer_config.json"),
  });
});
afterAll(() => model.dispose());

const write = (responseFormat: ResponseFormat, seed = 0, maxTokens = 200): Promise<Generation> =>
  Promise.resolve(model.generate("Once upon a time", { responseFormat, seed, temperature: 1, maxTokens }));

const schema = {
  type: "object",
  properties: {
    name: { type: "string", maxLength: 12 },
    age: { type: "integer", minimum: 1, maximum: 120 },
    pets: { type: "array", items: { enum: ["cat", "dog", null] }, maxItems: 3 },
    place: { anyOf: [{ type: "null" }, { $ref: "#/$defs/place" }] },
  },
  required: ["name", "age", "pets", "place"],
  $defs: {
    place: {
      type: "object",
      properties: { x: { type: "number" }, isFar: { type: "boolean" } },
      required: ["x"],
    },
  },
};

describe("a text that is held to a format", () => {
  it("is what its schema allows if it ends by itself", { timeout: 600_000 }, async () => {
    const validate = new Ajv({ strict: false }).compile(schema);
    const texts = await Promise.all(
      Array.from({ length: 12 }, (_, seed) => write({ type: "json_schema", schema }, seed)),
    );
    const ended = texts.filter(({ finishReason }) => finishReason === "stop");
    expect(ended.length).toBeGreaterThan(6);
    for (const { text } of ended) expect(validate(JSON.parse(text)), text).toBe(true);
  });

  it("matches its expression, is one of its choices, is in its grammar, or is an object", async () => {
    for (const seed of [1, 2, 3]) {
      expect((await write({ type: "regex", pattern: "[a-c]{2,4}-\\d+x" }, seed, 60)).text).toMatch(
        /^[a-c]{2,4}-\d+(x|$)/,
      );
      const choices = ["yes", "no", 'perhaps "so"\n', "ja ü"];
      expect(choices).toContain((await write({ type: "choice", choices }, seed)).text);
      const grammar = 'root ::= "The " animal (" and the " animal)? "."\nanimal ::= "cat" | "dog"';
      expect((await write({ type: "grammar", grammar }, seed)).text).toMatch(
        /^The (cat|dog)( and the (cat|dog))?\.$/,
      );
      expect((await write({ type: "json_object" }, seed, 20)).text).toMatch(/^\{/);
    }
  });

  it("is the same alone and among others, and changes none of them", async () => {
    const plain = { seed: 5, temperature: 1, maxTokens: 30 };
    const alone = await model.generate("The cat", plain);
    const held = await write({ type: "json_schema", schema }, 7, 40);
    const all = await Promise.all([
      ...Array.from({ length: 4 }, (_, seed) => write({ type: "json_object" }, seed, 40)),
      write({ type: "json_schema", schema }, 7, 40),
      model.generate("The cat", plain),
    ]);
    expect(all[4]!.tokens).toEqual(held.tokens);
    expect(all[5]!.tokens).toEqual(alone.tokens);
  });

  it("ends with a beginning of such a text where its tokens are used up", async () => {
    const { text, finishReason } = await write({ type: "regex", pattern: "(ab)+c{40}" }, 1, 9);
    expect(finishReason).toBe("length");
    expect(text).toMatch(/^(ab)*(a|c*)$/);
  });

  it("is complete within its tokens where it has to be", { timeout: 600_000 }, async () => {
    const validate = new Ajv({ strict: false }).compile(schema);
    const within = (seed: number, maxTokens: number, finishInBudget = true): Promise<Generation> => {
      const responseFormat = { type: "json_schema", schema } as const;
      const penalties = seed % 2 === 1 ? { repetitionPenalty: 1.2 } : {};
      const options = { responseFormat, seed, temperature: 1, maxTokens, finishInBudget, ...penalties };
      return Promise.resolve(model.generate("Once upon a time", options));
    };
    const plain = { seed: 5, temperature: 1, maxTokens: 60 };
    const [mate, ...texts] = await Promise.all([
      model.generate("The cat", plain),
      ...Array.from({ length: 16 }, (_, seed) => within(seed, 45 + 5 * (seed % 4))),
    ]);
    for (const { text, finishReason } of texts) {
      expect(validate(JSON.parse(text)), text).toBe(true);
      expect(finishReason).toBe("stop");
    }
    // Alone it is the same, and who was beside it has the tokens of before.
    expect((await within(3, 60)).tokens).toEqual(texts[3]!.tokens);
    expect((await model.generate("The cat", plain)).tokens).toEqual(mate.tokens);
    // Without that, not all of them would be.
    const cut = await Promise.all(Array.from({ length: 8 }, (_, seed) => within(seed, 45, false)));
    expect(cut.some(({ finishReason }) => finishReason === "length")).toBe(true);
    const small = await rejection(within(1, 5));
    expect(small).toMatchObject({ name: "ArgumentError", argument: "maxTokens", received: "5" });
    const alone = await rejection(
      Promise.resolve(model.generate("A", { maxTokens: 5, finishInBudget: true })),
    );
    expect(alone).toMatchObject({ name: "ArgumentError", argument: "finishInBudget" });
    expect(model.stats()).toMatchObject({ running: 0, waiting: 0 });
  });

  it("is refused by name where a format can't be held", async () => {
    for (const [format, words] of [
      [
        { type: "json_schema", schema: { type: "integer", multipleOf: 3 } },
        /schema\.multipleOf: expected keywords that can be held/,
      ],
      [{ type: "json_schema", schema: { not: {} } }, /not/],
      [{ type: "json_schema", schema: { type: "array", uniqueItems: true } }, /uniqueItems/],
      [{ type: "json_schema", schema: { $ref: "https://a.b/c" } }, /\$ref: expected "#"/],
      [{ type: "json_schema", schema: { type: "strin" } }, /type: expected string, integer/],
      [{ type: "json_schema", schema: 7 }, /expected a JSON schema/],
      [{ type: "regex", pattern: "(" }, /regular expression/],
      [{ type: "regex", pattern: "(?<=a)b" }, /without lookarounds/],
      [{ type: "regex", pattern: "((a{100}){100}){100}" }, /at most 10000 repeated parts/],
      [{ type: "choice", choices: [] }, /1 to 1000 texts/],
      [{ type: "grammar", grammar: "start ::= x" }, /a rule "root/],
      [{ type: "yaml" }, /expected "json_schema", "json_object"/],
      ["json", /expected an object with a type/],
    ] as const) {
      const error = await rejection(write(format as unknown as ResponseFormat));
      expect(error).toBeInstanceOf(ArgumentError);
      expect(error.message).toMatch(words);
    }
    // What only the library finds wrong is said too, and later formats are compiled all the same.
    const error = await rejection(write({ type: "grammar", grammar: 'root ::= "a" missing' }));
    expect(error).toBeInstanceOf(ArgumentError);
    expect((await write({ type: "choice", choices: ["a"] })).text).toBe("a");
    expect(model.stats().running).toBe(0);
  });
});
