// Answers that are held to calls: what may be written, and that all of it comes back as calls whose arguments are valid.
import { Ajv2020 as Ajv } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { CallParser } from "../../../src/answer/call-parser.js";
import type { AnswerPart } from "../../../src/answer/answer-part.js";
import type { ToolDefinition } from "../../../src/answer/conversation.js";
import { heldForm } from "../../../src/answer/forms/call-form.js";
import { formNamed, type ToolFormat } from "../../../src/answer/forms/find-form.js";
import { holdCalls, type HeldCalls, type HoldOptions } from "../../../src/answer/held-calls.js";
import { ThoughtSplitter } from "../../../src/answer/thoughts.js";
import { ArgumentError } from "../../../src/errors.js";
import { mayWrite, writeAtRandom } from "../../helpers/held-text.js";
import { caseCount } from "../../helpers/long-run.js";
import { SeededRandom } from "../../helpers/random.js";

const number = { type: "integer", minimum: 0, maximum: 99 };
const tools: readonly ToolDefinition[] = [
  {
    type: "function",
    function: {
      name: "add",
      parameters: { type: "object", properties: { a: number, b: number }, required: ["a", "b"] },
    },
  },
  {
    type: "function",
    function: {
      name: "get_weather",
      parameters: {
        type: "object",
        properties: { city: { type: "string", maxLength: 12 }, unit: { enum: ["C", "F"] } },
        required: ["city"],
      },
    },
  },
  { type: "function", function: { name: "now", parameters: { type: "object", properties: {} } } },
];
const names = tools.map((tool) => tool.function.name);
const bothStrict = new Map(names.map((name) => [name, true]));

const hold = (format: ToolFormat, options: Partial<HoldOptions> = {}, own = tools): HeldCalls =>
  holdCalls(own, {
    form: formNamed(format),
    choice: "required",
    strict: new Map(),
    isOne: false,
    template: "",
    thoughts: "with-tag",
    ...options,
  })!;

/** The parts of an answer, as answers are read. */
function read(format: ToolFormat, { thoughts }: HeldCalls, text: string): AnswerPart[] {
  const splitter = new ThoughtSplitter(thoughts);
  const form = heldForm(formNamed(format));
  const parser = new CallParser({ form, names: new Set(names), newId: () => "id" });
  const take = (parts: AnswerPart[]): AnswerPart[] =>
    parts.flatMap((part) => (part.type === "text" ? parser.push(part.text) : [part]));
  return [...take(splitter.push(text)), ...take(splitter.finish()), ...parser.finish()];
}

const partsOf = (format: ToolFormat, held: HeldCalls, text: string): string[] =>
  read(format, held, text).map((part) => (part.type === "call" ? part.name : `${part.type} ${part.text}`));

/** Lists stand in brackets, behind a token. */
const inBrackets = (calls: string): string => `[TOOL_CALLS][${calls}]`;
const asTheyAre = (calls: string): string => calls;

interface Written {
  /** One call of each of two functions, as answers of nothing but calls. */
  readonly add: string;
  readonly weather: string;
  readonly between: string;
  /** A call within a text. */
  readonly inText: string;
  readonly template?: string;
}

const forms: Readonly<Record<string, Written & { readonly format: ToolFormat }>> = {
  tags: {
    format: "tags",
    add: '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>',
    weather: '<tool_call>{"name": "get_weather", "arguments": {"city": "</tool_call>"}}</tool_call>',
    between: "\n",
    inText: 'So: <tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>',
  },
  object: {
    format: "object",
    add: '{"name": "add", "parameters": {"a": 1, "b": 2}}',
    weather: '{"name": "get_weather", "parameters": {"city": "}{;", "unit": "F"}}',
    between: "; ",
    inText: 'So: <|python_tag|>{"name": "add", "parameters": {"a": 1, "b": 2}}',
  },
  list: {
    format: "list",
    add: '{"name": "add", "arguments": {"a": 1, "b": 2}}',
    weather: '{"name": "get_weather", "arguments": {"city": "]["}}',
    between: ", ",
    inText: 'So: [TOOL_CALLS][{"name": "add", "arguments": {"a": 1, "b": 2}}]',
  },
  "list with names": {
    format: "list",
    add: '[TOOL_CALLS]add[ARGS]{"a": 1, "b": 2}',
    weather: '[TOOL_CALLS]get_weather[ARGS]{"city": "[ARGS]"}',
    between: "",
    inText: 'So: [TOOL_CALLS]add[ARGS]{"a": 1, "b": 2}',
    template: "[TOOL_CALLS]name[ARGS]",
  },
  code: {
    format: "code",
    add: '{"name": "add", "parameters": {"a": 1, "b": 2}}',
    weather: '{"name": "get_weather", "parameters": {"city": "```"}}',
    between: "\n",
    inText: 'So: ```tool_code\n{"name": "add", "parameters": {"a": 1, "b": 2}}\n```',
  },
};

for (const [name, { format, add, weather, between, inText, template = "" }] of Object.entries(forms))
  describe(`an answer in the form "${name}"`, () => {
    const whole = name === "list" ? inBrackets : asTheyAre;

    it("that has to call is one call or several, and nothing else", async () => {
      const held = hold(format, { template });
      const both = whole(`${add}${between}${weather}`);
      for (const text of [whole(add), whole(weather), both, `\n${whole(add)}`])
        expect(await mayWrite(held.responseFormat, text), text).toBe(true);
      expect(partsOf(format, held, both)).toEqual(["add", "get_weather"]);
      for (const text of [
        "",
        "Hello.",
        `Well, ${whole(add)}`,
        `${whole(add)} done`,
        whole(add.replace("add", "sub")),
        whole(add.replace("2", "200")),
        whole(add.replace(', "b": 2', "")),
        whole(add.replace("2", '2, "c": 3')),
        whole(weather.replace("}", ', "unit": "K"}')),
        both.slice(0, -1),
      ])
        expect(await mayWrite(held.responseFormat, text), text).toBe(false);
    });

    it("that has to call one function calls it, once", async () => {
      const { responseFormat } = hold(format, { template, choice: { name: "add" } });
      expect(await mayWrite(responseFormat, whole(add))).toBe(true);
      expect(await mayWrite(responseFormat, whole(weather))).toBe(false);
      expect(await mayWrite(responseFormat, whole(`${add}${between}${add}`))).toBe(false);
      const one = hold(format, { template, isOne: true }).responseFormat;
      expect(await mayWrite(one, whole(weather))).toBe(true);
      expect(await mayWrite(one, whole(`${add}${between}${weather}`))).toBe(false);
    });

    it("that may call is free until it does", async () => {
      const held = hold(format, { template, choice: "auto", strict: bothStrict });
      for (const text of ["Hello.", "a {} [] < ` <tool [TOOL ``` <|", inText, whole(add), whole(weather)])
        expect(await mayWrite(held.responseFormat, text), text).toBe(true);
      expect(partsOf(format, held, inText)).toEqual(["text So:", "add"]);
      for (const text of [inText.replace("2", "200"), inText.replace("add", "sub"), inText.slice(0, -1)])
        expect(await mayWrite(held.responseFormat, text), text).toBe(false);
    });

    it.each<[string, Partial<HoldOptions>]>([
      ["has to call", {}],
      ["has to call once, behind thoughts", { isOne: true, thoughts: "at-once", template: "<think>" }],
      ["may call", { choice: "auto", strict: bothStrict }],
      ["may call, behind thoughts", { choice: "auto", strict: bothStrict, template: "<think>" }],
    ])("that %s is read as valid calls, whatever is chosen", async (_, options) => {
      const own = { ...options, template: `${template}${options.template ?? ""}` };
      const held = hold(format, own);
      const random = new SeededRandom(5);
      const ajv = new Ajv({ strict: false });
      const likely = [
        add,
        weather,
        inText,
        "<think>",
        "</think>",
        " ",
        '{"name": "sub"}',
        "```json\n{",
        "[{",
      ];
      let found = 0;
      for (let round = 0; round < caseCount({ usual: 30, long: 2000 }); round++) {
        const text = await writeAtRandom(held.responseFormat, random, likely);
        if (text === undefined) continue;
        const parts = read(format, held, text);
        for (const part of parts) {
          if (part.type !== "call") continue;
          found++;
          const tool = tools.find((given) => given.function.name === part.name)!;
          const isValid = ajv.validate(tool.function.parameters as object, JSON.parse(part.arguments));
          expect(isValid, `${text}: ${ajv.errorsText()}`).toBe(true);
        }
        if (options.choice === "auto") continue;
        const said = parts.filter(({ type }) => type !== "reasoning");
        expect(said.length, text).toBeGreaterThan(0);
        expect(
          said.every(({ type }) => type === "call"),
          text,
        ).toBe(true);
        if (options.isOne) expect(said.length, text).toBe(1);
      }
      expect(found).toBeGreaterThan(5);
    });
  });

describe("thoughts", () => {
  const { add } = forms["tags"]!;
  it.each<[string, Partial<HoldOptions>, string, boolean]>([
    [
      "may be in front where a template knows them",
      { template: "<think>" },
      `<think>\na < b\n</think>\n\n${add}`,
      true,
    ],
    ["need not be", { template: "<think>" }, add, true],
    ["are not where it knows none", {}, `<think>a</think>${add}`, false],
    [
      "come first where it begins them",
      { template: "<think>", thoughts: "at-once" },
      `a</think>\n\n${add}`,
      true,
    ],
    ["have to end there", { template: "<think>", thoughts: "at-once" }, add, false],
    ["may be of calls", { template: "<think>" }, `<think>I <tool_call> x</think>${add}`, true],
  ])("%s", async (_, options, text, expected) => {
    expect(await mayWrite(hold("tags", options).responseFormat, text)).toBe(expected);
  });
});

const one = (parameters: unknown): readonly ToolDefinition[] => [
  { type: "function", function: { name: "f", parameters } },
];
const accepts = (own: readonly ToolDefinition[], given: string, options: Partial<HoldOptions> = {}) =>
  mayWrite(hold("object", options, own).responseFormat, `{"name": "f", "parameters": ${given}}`);

const list = (value: object): object => ({
  type: "object",
  properties: { list: { $ref: "#/$defs/list" } },
  required: ["list"],
  $defs: { list: { type: "array", items: value, maxItems: 2 } },
});

const refusal = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentError);
    return (error as Error).message;
  }
  return "accepted";
};

describe("arguments", () => {
  it("are none where a function names none", async () => {
    for (const own of [one(undefined), one({ type: "object", properties: {} })]) {
      expect(await accepts(own, "{}")).toBe(true);
      expect(await accepts(own, '{"a": 1}')).toBe(false);
    }
    expect(await accepts(one({ type: "object", additionalProperties: true }), '{"a": 1}')).toBe(true);
  });

  it("are any object where a function is not strict", async () => {
    const own = one({ type: "object", properties: { a: { type: "number", minimum: 3 } } });
    const loose = { strict: new Map([["f", false]]) };
    expect(await accepts(own, '{"b": [1]}', loose)).toBe(true);
    expect(await accepts(own, "[1]", loose)).toBe(false);
  });

  it("follow definitions of their own schema, each of their own", async () => {
    const two: readonly ToolDefinition[] = [
      { type: "function", function: { name: "f", parameters: list({ type: "boolean" }) } },
      { type: "function", function: { name: "g", parameters: list({ enum: ["root ::= x", '["]'] }) } },
    ];
    expect(await accepts(two, '{"list": [true, false]}')).toBe(true);
    expect(await accepts(two, '{"list": ["root ::= x"]}')).toBe(false);
    const { responseFormat } = hold("object", {}, two);
    expect(await mayWrite(responseFormat, '{"name": "g", "parameters": {"list": ["root ::= x"]}}')).toBe(
      true,
    );
  });

  it("have to be an object, and a choice has to be there", () => {
    expect(refusal(() => hold("tags", {}, one({ type: "string" })))).toMatch(
      /tools\[0\]\.function\.parameters: expected a JSON schema of the type "object", received "string"/,
    );
    expect(refusal(() => hold("tags", {}, one(7)))).toMatch(/received 7/);
    expect(refusal(() => hold("tags", { choice: { name: "g" } }))).toMatch(
      /toolChoice: expected the name of a tool/,
    );
    expect(refusal(() => hold("tags", {}, []))).toMatch(/toolChoice: expected tools beside it/);
  });
});

it("nothing is held where calls are free and no function is strict", () => {
  const options: HoldOptions = {
    form: formNamed("tags"),
    choice: "auto",
    strict: new Map([["add", false]]),
    isOne: true,
    template: "",
    thoughts: "never",
  };
  expect(holdCalls(tools, options)).toBeUndefined();
});
