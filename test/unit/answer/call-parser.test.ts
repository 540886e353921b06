// Calls in every form, whatever the pieces are in which an answer comes.
import { describe, expect, it } from "vitest";
import { CallParser } from "../../../src/answer/call-parser.js";
import { findToolFormat, formNamed, type ToolFormat } from "../../../src/answer/forms/find-form.js";

interface Taken {
  readonly text: string;
  readonly calls: readonly (readonly [name: string, given: unknown])[];
}

function take(format: ToolFormat, pieces: readonly string[]): Taken {
  let id = 0;
  const names = new Set(["add", "get_weather"]);
  const parser = new CallParser({ form: formNamed(format), names, newId: () => `id${id++}` });
  const parts = [...pieces.flatMap((piece) => parser.push(piece)), ...parser.finish()];
  const calls = parts.filter((part) => part.type === "call");
  expect(calls.map((call) => call.id)).toEqual(calls.map((_, index) => `id${index}`));
  return {
    text: parts.map((part) => (part.type === "text" ? part.text : "")).join(""),
    calls: calls.map((call) => [call.name, JSON.parse(call.arguments) as unknown] as const),
  };
}

const add = ["add", { a: 1, b: 2 }] as const;
const weather = ["get_weather", { city: 'Köln, "D"' }] as const;
const weatherJson = String.raw`{"city": "Köln, \"D\""}`;

const cases: Readonly<Record<ToolFormat, readonly (readonly [string, Taken])[]>> = {
  tags: [
    [
      'Let me see.\n<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>',
      { text: "Let me see.", calls: [add] },
    ],
    [
      `<tool_call>{"name": "add", "arguments": {"a": 1, "b": 2}}</tool_call>\n<tool_call>{"name": "get_weather", "arguments": ${weatherJson}}</tool_call>`,
      { text: "", calls: [add, weather] },
    ],
    [
      "<tool_call>\n<function=get_weather>\n<parameter=city>\nKöln\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
      { text: "", calls: [["get_weather", { city: "Köln", days: 3 }]] },
    ],
    ['<tool_call>{"name": "add", "arguments": {"a": 1, "b": 2}}', { text: "", calls: [add] }],
    [
      '<tool_call>{"name": "get_weather", "arguments": {"city": "\\"</tool_call>"}}</tool_call> after',
      { text: " after", calls: [["get_weather", { city: '"</tool_call>' }]] },
    ],
    [
      '<tool_call>{"name": "add</tool_call> it',
      { text: '<tool_call>{"name": "add</tool_call> it', calls: [] },
    ],
    ["<tool_call>no JSON</tool_call> after", { text: "<tool_call>no JSON</tool_call> after", calls: [] }],
    ["a <tool_ b <tool_call", { text: "a <tool_ b <tool_call", calls: [] }],
    ["Only text, {}.\n\n", { text: "Only text, {}.\n\n", calls: [] }],
  ],
  object: [
    ['{"name": "add", "parameters": {"a": 1, "b": 2}}', { text: "", calls: [add] }],
    ['<|python_tag|>{"name": "add", "parameters": {"a": "1"}}', { text: "", calls: [["add", { a: "1" }]] }],
    [
      `{"name": "add", "parameters": {"a": 1, "b": 2}}; {"name": "get_weather", "parameters": ${weatherJson}}\n`,
      { text: "", calls: [add, weather] },
    ],
    [
      '{"name": "other", "parameters": {}} it is',
      { text: '{"name": "other", "parameters": {}} it is', calls: [] },
    ],
    ['{"a": [1, {"b": "}"}]}', { text: '{"a": [1, {"b": "}"}]}', calls: [] }],
    ['{"name": "add", "param', { text: '{"name": "add", "param', calls: [] }],
    ["<|python_tag|>search.call()", { text: "<|python_tag|>search.call()", calls: [] }],
    ["{curly} text", { text: "{curly} text", calls: [] }],
  ],
  list: [
    [
      `[TOOL_CALLS][{"name": "add", "arguments": {"a": 1, "b": 2}}, {"name": "get_weather", "arguments": ${weatherJson}}]`,
      { text: "", calls: [add, weather] },
    ],
    ['[TOOL_CALLS] [{"name": "add", "arguments": {"a": 1, "b": 2}}]', { text: "", calls: [add] }],
    ['[{"name": "add", "arguments": {"a": 1, "b": 2}}]', { text: "", calls: [add] }],
    [
      `[TOOL_CALLS]add[ARGS]{"a": 1, "b": 2}[TOOL_CALLS]get_weather[CALL_ID]ab12[ARGS]${weatherJson}`,
      { text: "", calls: [add, weather] },
    ],
    ["[1] Smith: 2 [TOOL", { text: "[1] Smith: 2 [TOOL", calls: [] }],
    ["[TOOL_CALLS]what is this", { text: "[TOOL_CALLS]what is this", calls: [] }],
    ['[{"x": 1}] is JSON', { text: '[{"x": 1}] is JSON', calls: [] }],
  ],
  code: [
    ["```tool_code\nadd(a=1, b=2)\n```", { text: "", calls: [add] }],
    [
      `Of course.\n\`\`\`tool_code\nprint(add(a=1, b=2))\nget_weather(city='Köln, "D"')\n\`\`\`\n`,
      { text: "Of course.", calls: [add, weather] },
    ],
    [
      "```tool_code\n[add(a=-1.5e3, b=[True, None, {'x': \"it's\\n\"}],)]\n```",
      { text: "", calls: [["add", { a: -1500, b: [true, null, { x: "it's\n" }] }]] },
    ],
    ['```json\n{"name": "add", "parameters": {"a": 1, "b": 2}}\n```', { text: "", calls: [add] }],
    ['{"name": "add", "parameters": {"a": 1, "b": 2}}', { text: "", calls: [add] }],
    [
      '```tool_code\n{"name": "get_weather", "parameters": {"city": "```"}}\n```',
      { text: "", calls: [["get_weather", { city: "```" }]] },
    ],
    [
      '```json\n{"name": "Ada"}\n```\nas asked',
      { text: '```json\n{"name": "Ada"}\n```\nas asked', calls: [] },
    ],
    ["```tool_code\nadd(1, 2)\n```", { text: "```tool_code\nadd(1, 2)\n```", calls: [] }],
    [
      "```tool_code\nimport os; os.exit()\n```",
      { text: "```tool_code\nimport os; os.exit()\n```", calls: [] },
    ],
    ["```python\nx = 1\n```", { text: "```python\nx = 1\n```", calls: [] }],
  ],
};

for (const [format, own] of Object.entries(cases))
  describe(`calls in the form "${format}"`, () => {
    it.each(own)("%j", (answer, expected) => {
      const form = format as ToolFormat;
      expect(take(form, [answer])).toEqual(expected);
      expect(take(form, answer.split("")), "character by character").toEqual(expected);
      for (let at = 1; at < answer.length; at++)
        expect(take(form, [answer.slice(0, at), answer.slice(at)]), `cut at ${at}`).toEqual(expected);
    });
  });

it("passes text on as it comes, and a call as soon as it is whole", () => {
  const parser = new CallParser({ form: formNamed("tags"), names: new Set(), newId: () => "x" });
  expect(parser.push("Well, ")).toEqual([{ type: "text", text: "Well," }]);
  expect(parser.push("so <too")).toEqual([{ type: "text", text: " so" }]);
  expect(parser.push('l_call>{"name": "f", "arguments": {}}</tool_call')).toEqual([]);
  expect(parser.push(">")).toEqual([{ type: "call", id: "x", name: "f", arguments: "{}" }]);
});

describe("the form of a template", () => {
  it.each<[string, ToolFormat | undefined]>([
    ["{{ '<tool_call>' }}{{ '[TOOL_CALLS]' }}", "tags"],
    ["{{ '[TOOL_CALLS] ' }}", "list"],
    ["{{ '<|python_tag|>' }}", "object"],
    [
      `Respond in the format {"name": function name, "parameters": dictionary of argument name and its value}`,
      "object",
    ],
    ["{{ '<start_of_turn>user' }}", "code"],
    ["{{ messages }}", undefined],
  ])("%j", (template, format) => expect(findToolFormat(template)).toBe(format));
});
