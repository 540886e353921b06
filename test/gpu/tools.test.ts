// Calls of tools that a model is held to, with a model of random weights, which knows nothing of calls: the worst case.
import { Ajv2020 as Ajv } from "ajv/dist/2020.js";
import { generateText, jsonSchema, tool } from "ai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createWeft } from "../../src/ai-sdk/index.js";
import { createHandler, type Handler } from "../../src/openai/index.js";
import { Model } from "../../src/runtime/model.js";
import { answerTo, eventsOf, post, type Json } from "../helpers/api-calls.js";
import { heldTokenizer, heldTokens } from "../helpers/held-text.js";
import { makeTinyModel } from "../helpers/tiny-model.js";
import { expectIdle } from "../helpers/tiny-writer.js";

const END = heldTokens.length - 1;
/** It takes tools, and does not say how calls are written: the handlers do. */
const chatTemplate = "{{ messages | length }}{% if tools %} {{ tools | length }} tools{% endif %}";

let model: Model;
let handlers: Readonly<Record<"tags" | "list", Handler>>;
beforeAll(async () => {
  const { parts } = makeTinyModel({
    vocabulary: heldTokens.length,
    channels: 16,
    heads: 2,
    hidden: 24,
    contextLength: 400,
  });
  const config = { ...parts.config, eos_token_id: END };
  model = await Model.load(
    { ...parts, config, tokenizer: heldTokenizer, tokenizerConfig: {}, chatTemplate },
    { queues: 1 },
  );
  handlers = {
    tags: createHandler(model, { toolFormat: "tags" }),
    list: createHandler(model, { toolFormat: "list" }),
  };
});
afterAll(() => model.dispose());

const day = { type: "integer", minimum: 1, maximum: 31 };
const schemas: Readonly<Record<string, object>> = {
  book: {
    type: "object",
    properties: { days: { type: "array", items: day, maxItems: 2 }, isFar: { type: "boolean" } },
    required: ["days", "isFar"],
  },
  say: {
    type: "object",
    properties: { text: { type: "string", maxLength: 10 }, tone: { enum: ["loud", "low"] } },
    required: ["text"],
  },
};
const tools = Object.entries(schemas).map(([name, parameters]) => ({
  type: "function",
  function: { name, parameters },
}));
/** So warm that every token is about as likely. */
const question = { messages: [{ role: "user", content: "Hi" }], tools, temperature: 2 };
const ajv = new Ajv({ strict: false });

/** Answers to the same question, at once, with the seeds from 1 on. */
const askMany = (handler: Handler, count: number, body: object): Promise<Json[]> =>
  Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const seeded = { ...question, seed: index + 1, ...body };
      const { status, json } = await answerTo(handler, post("/v1/chat/completions", seeded));
      expect(status, JSON.stringify(json)).toBe(200);
      return json.choices[0];
    }),
  );

function expectValid(call: Json): void {
  const { name, arguments: given } = call.function as { name: string; arguments: string };
  expect(ajv.validate(schemas[name]!, JSON.parse(given)), `${name} ${given}: ${ajv.errorsText()}`).toBe(true);
}

describe.each(["tags", "list"] as const)("a model of random weights that writes calls as %s", (format) => {
  const count = format === "tags" ? 20 : 8;

  it("calls a function with valid arguments, for every seed, if it has to", async () => {
    const required = { tool_choice: "required", parallel_tool_calls: false };
    const choices = await askMany(handlers[format], count, required);
    for (const { message, finish_reason: reason } of choices) {
      expect(reason).toBe("tool_calls");
      expect(message.content).toBeNull();
      expect(message.tool_calls).toHaveLength(1);
      expectValid(message.tool_calls[0]);
    }
    const names = new Set(choices.map(({ message }) => message.tool_calls[0].function.name as string));
    expect(names).toEqual(new Set(["book", "say"]));
  });

  it("calls the function that it has to", async () => {
    const choice = { type: "function", function: { name: "say" } };
    for (const { message } of await askMany(handlers[format], 5, { tool_choice: choice })) {
      expect(message.tool_calls).toHaveLength(1);
      expect(message.tool_calls[0].function.name).toBe("say");
      expectValid(message.tool_calls[0]);
    }
  });

  it("streams such a call", async () => {
    const required = { tool_choice: "required", parallel_tool_calls: false };
    const streamed = { ...question, ...required, stream: true, seed: 3 };
    const events = await eventsOf(handlers[format], post("/v1/chat/completions", streamed));
    const choices = events.slice(0, -1).map(({ data }) => data.choices[0]);
    const calls = choices.flatMap(({ delta }) => (delta.tool_calls ?? []) as Json[]);
    expect(calls).toHaveLength(1);
    expectValid(calls[0]);
    expect(choices.at(-1).finish_reason).toBe("tool_calls");
    expect(choices.map(({ delta }) => (delta.content ?? "") as string).join("")).toBe("");
  });

  it("is free until it calls a strict function, and then is not", async () => {
    const strict = tools.map((own) => ({ ...own, function: { ...own.function, strict: true } }));
    // It would seldom begin a call by itself: the bias is for what begins one.
    const begin = heldTokens.indexOf(format === "tags" ? "<tool_call>" : "[TOOL_CALLS]");
    const bias = { logit_bias: { [begin]: 5 } };
    const free = { tools: strict, parallel_tool_calls: false, max_tokens: 200, ...bias };
    let calls = 0;
    let texts = 0;
    for (const { message } of await askMany(handlers[format], count, free)) {
      if (message.content) texts++;
      for (const call of message.tool_calls ?? []) {
        calls++;
        expectValid(call);
      }
    }
    expect(texts).toBeGreaterThan(2);
    expect(calls).toBeGreaterThan(2);
  });
});

it("a schema that can't be held is refused by its tool's name, and nothing is left behind", async () => {
  const odd = { type: "object", properties: { a: { type: "number", multipleOf: 3 } } };
  const refused = {
    ...question,
    tools: [...tools, { type: "function", function: { name: "odd", parameters: odd } }],
    tool_choice: "required",
  };
  const { status, json } = await answerTo(handlers.tags, post("/v1/chat/completions", refused));
  expect([status, json.error.param]).toEqual([400, "tools"]);
  expect(json.error.message).toMatch(
    /^tools\[2\]\.function\.parameters\.properties\.a\.multipleOf: expected/,
  );
  expectIdle(model);
});

it("the AI SDK gets the call that it asks for", async () => {
  const { toolCalls, finishReason } = await generateText({
    model: createWeft({ models: { m: model }, toolFormat: "object" })("m"),
    prompt: "Hi",
    seed: 4,
    tools: { say: tool({ inputSchema: jsonSchema<{ text: string }>(schemas["say"]!) }) },
    toolChoice: { type: "tool", toolName: "say" },
  });
  expect(toolCalls).toHaveLength(1);
  expect(toolCalls[0]).toMatchObject({ toolName: "say", input: { text: expect.any(String) as string } });
  expect(finishReason).toBe("tool-calls");
});
