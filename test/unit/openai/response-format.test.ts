// What an answer must be like, from each door to the model.
import { describe, expect, it } from "vitest";
import { createWeft } from "../../../src/ai-sdk/index.js";
import { createHandler } from "../../../src/openai/index.js";
import { answerTo, post } from "../../helpers/api-calls.js";
import { ScriptedModel } from "../../helpers/scripted-model.js";

const messages = [{ role: "user", content: "Who?" }];
const schema = { type: "object", properties: { name: { type: "string" } }, required: ["name"] };
const tools = [{ type: "function", function: { name: "look", parameters: { type: "object" } } }];

/** The options that the model was asked with. */
async function asked(path: string, body: object): Promise<unknown> {
  const model = new ScriptedModel(() => ["{}"]);
  const { status, json } = await answerTo(createHandler({ m: model }), post(path, { model: "m", ...body }));
  expect(status, JSON.stringify(json)).toBe(200);
  return model.asked[0]!.options.responseFormat;
}

describe("what an answer must be like", () => {
  it.each<[object, object | undefined]>([
    [{ type: "text" }, undefined],
    [{ type: "json_object" }, { type: "json_object" }],
    [
      { type: "json_schema", json_schema: { name: "who", schema, strict: true } },
      { type: "json_schema", schema },
    ],
    [
      { type: "regex", pattern: "a+" },
      { type: "regex", pattern: "a+" },
    ],
    [
      { type: "choice", choices: ["a", "b"] },
      { type: "choice", choices: ["a", "b"] },
    ],
    [
      { type: "grammar", grammar: 'root ::= "a"' },
      { type: "grammar", grammar: 'root ::= "a"' },
    ],
  ])("reaches the model: %j", async (given, format) => {
    expect(await asked("/v1/chat/completions", { messages, response_format: given })).toEqual(format);
    expect(await asked("/v1/completions", { prompt: "A", response_format: given })).toEqual(format);
  });

  it("is text.format in responses, and is said there", async () => {
    const format = { type: "json_schema", name: "who", schema };
    expect(await asked("/v1/responses", { input: "Who?", text: { format } })).toEqual({
      type: "json_schema",
      schema,
    });
    const { json } = await answerTo(
      createHandler({ m: new ScriptedModel(() => ["{}"]) }),
      post("/v1/responses", { model: "m", input: "Who?", text: { format } }),
    );
    expect(json.text).toEqual({ format });
  });

  it("is an object's schema in the AI SDK", async () => {
    const model = new ScriptedModel(() => ["{}"]);
    const prompt = [{ role: "user" as const, content: [{ type: "text", text: "Hi" }] as never }];
    const language = createWeft({ models: { m: model } })("m");
    await language.doGenerate({ prompt, responseFormat: { type: "json", schema } });
    await language.doGenerate({ prompt, responseFormat: { type: "json" } });
    expect(model.asked.map(({ options }) => options.responseFormat)).toEqual([
      { type: "json_schema", schema },
      { type: "json_object" },
    ]);
  });

  it("has no thoughts in front, even where the template begins them", async () => {
    const model = new ScriptedModel(() => ['{"a":1}'], { template: "{{ messages }}<think>\n" });
    const { json } = await answerTo(
      createHandler({ m: model }),
      post("/v1/chat/completions", { model: "m", messages, response_format: { type: "json_object" } }),
    );
    expect(json.choices[0].message).toEqual({ role: "assistant", content: '{"a":1}', refusal: null });
  });

  it("excludes calls of tools", async () => {
    const model = new ScriptedModel(() => ["{}"]);
    const { status, json } = await answerTo(
      createHandler({ m: model }),
      post("/v1/chat/completions", { model: "m", messages, tools, response_format: { type: "json_object" } }),
    );
    expect(status).toBe(400);
    expect(json.error).toMatchObject({ param: "response_format", code: "unsupported_parameter" });
    expect(model.asked).toEqual([]);
  });
});
