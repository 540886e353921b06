// Conversations as templates take them, with tools and without.
import { describe, expect, it } from "vitest";
import { CallParser } from "../../../src/answer/call-parser.js";
import { formNamed, toolFormats } from "../../../src/answer/forms/find-form.js";
import { fitTemplate, readArguments, type ToolDefinition } from "../../../src/answer/conversation.js";

const tool: ToolDefinition = {
  type: "function",
  function: { name: "add", description: "Adds.", parameters: { type: "object" } },
};
const call = { id: "1", type: "function", function: { name: "add", arguments: { a: 1 } } };
const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "1 + 1?" },
  { role: "assistant", content: "", tool_calls: [call] },
  { role: "tool", content: "2", tool_call_id: "1" },
  { role: "user", content: "And 2 + 2?" },
];

describe("a conversation", () => {
  it("is passed on as it is to a template that knows tools", () => {
    const template = "{% if tools %}{{ tools | tojson }}{% endif %}";
    expect(fitTemplate({ messages, tools: [tool] }, template)).toEqual({ messages, tools: [tool] });
    expect(fitTemplate({ messages }, template)).toEqual({ messages });
  });

  it("says tools in words where the template knows none, in turns that alternate", () => {
    const fitted = fitTemplate({ messages, tools: [tool] }, "{{ messages }}", formNamed("code"));
    expect(fitted).not.toHaveProperty("tools");
    expect(fitted.messages.map(({ role }) => role)).toEqual(["system", "user", "assistant", "user"]);
    expect(fitted.messages[0]!.content).toMatch(
      /^You have access to functions\.[^]*"name": "add"[^]*\n\nBe brief\.$/,
    );
    expect(fitted.messages[2]!.content).toBe('{"name":"add","parameters":{"a":1}}');
    expect(fitted.messages[3]!.content).toBe("```tool_output\n2\n```\n\nAnd 2 + 2?");
  });

  it.each(toolFormats)("writes earlier calls in the form %s, from which they are read again", (format) => {
    const { messages: fitted } = fitTemplate({ messages, tools: [tool] }, undefined, formNamed(format));
    const parser = new CallParser({
      form: formNamed(format),
      names: new Set(["add"]),
      newId: () => "1",
    });
    const parts = [...parser.push(fitted[2]!.content as string), ...parser.finish()];
    expect(parts).toEqual([{ type: "call", id: "1", name: "add", arguments: '{"a":1}' }]);
    expect(fitted[3]!.content).toMatch(/\b2\b[^]*And 2 \+ 2\?$/);
  });

  it("without tools and calls is left alone by every template", () => {
    const plain = [messages[1]!, messages[4]!];
    expect(fitTemplate({ messages: plain }, "{{ messages }}").messages).toBe(plain);
    expect(fitTemplate({ messages: plain }, undefined).messages).toBe(plain);
  });

  it("has arguments that are the JSON of an object", () => {
    expect(readArguments('{"a": [1]}')).toEqual({ a: [1] });
    expect(readArguments("")).toEqual({});
    for (const bad of ["[1]", "1", "null", "{", "a"]) expect(readArguments(bad)).toBeUndefined();
  });
});
