// Tools of a chat: they reach the template, and calls come back, in every form.
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../../src/errors.js";
import { createHandler } from "../../../src/openai/index.js";
import { answerTo, eventsOf, post, type Json } from "../../helpers/api-calls.js";
import { ScriptedModel, type AskedFor } from "../../helpers/scripted-model.js";

const path = "/v1/chat/completions";
const messages = [{ role: "user", content: "What is 1 + 2, and 3 + 4?" }];
const parameters = { type: "object", properties: { a: { type: "number" }, b: { type: "number" } } };
const tools = [{ type: "function", function: { name: "add", description: "Adds.", parameters } }];
const template = "{% if tools %}{{ tools }}{% endif %}{{ '<tool_call>' }}";
const answer = [
  "I add.\n",
  '<tool_call>{"name": "add", "arguments": {"a": 1, "b": 2}}',
  "</tool_call>\n<tool_call>",
  '{"name": "add", "arguments": {"a": 3, "b": 4}}</tool_call>',
];

describe("tools", () => {
  it("reach the template, and all calls come back", async () => {
    const model = new ScriptedModel(() => answer, { template });
    const { json } = await answerTo(
      createHandler(model),
      post(path, { messages, tools, tool_choice: "auto" }),
    );
    expect(model.asked[0]!.options.tools).toEqual(tools);
    const [{ message, finish_reason: reason }] = json.choices;
    expect(reason).toBe("tool_calls");
    expect(message).toEqual({
      role: "assistant",
      content: "I add.",
      refusal: null,
      tool_calls: [1, 3].map((a) => ({
        id: expect.stringMatching(/^call_\w{24}$/) as string,
        type: "function",
        function: { name: "add", arguments: JSON.stringify({ a, b: a + 1 }) },
      })),
    });
    expect(message.tool_calls[0].id).not.toBe(message.tool_calls[1].id);
  });

  it("come back in a stream, each call in a chunk with its number", async () => {
    const handler = createHandler(new ScriptedModel(() => answer, { template }));
    const events = await eventsOf(handler, post(path, { messages, tools, stream: true }));
    const choices = events.slice(0, -1).map(({ data }) => data.choices[0]);
    const calls = choices.flatMap(({ delta }) => (delta.tool_calls ?? []) as Json[]);
    expect(calls.map(({ index }) => index as number)).toEqual([0, 1]);
    expect(calls.map((call) => call.function.arguments as string)).toEqual([
      '{"a":1,"b":2}',
      '{"a":3,"b":4}',
    ]);
    expect(choices.map(({ delta }) => (delta.content ?? "") as string).join("")).toBe("I add.");
    expect(choices.at(-1).finish_reason).toBe("tool_calls");
  });

  it("has a content of null where there are only calls", async () => {
    const handler = createHandler(new ScriptedModel(() => answer.slice(1), { template }));
    const { json } = await answerTo(handler, post(path, { messages, tools }));
    expect(json.choices[0].message.content).toBeNull();
  });

  it("ends after one call where parallel ones are not wanted", async () => {
    const model = new ScriptedModel(() => answer, { template });
    const body = { messages, tools, parallel_tool_calls: false };
    const { json } = await answerTo(createHandler(model), post(path, body));
    expect(json.choices[0].message.tool_calls).toHaveLength(1);
    expect(json.choices[0].finish_reason).toBe("tool_calls");
    expect(model.ended).toEqual(["abort"]);
    expect(model.running).toBe(0);
  });

  it("are not there for the model with tool_choice none: what it writes is text", async () => {
    const model = new ScriptedModel(() => answer, { template });
    const { json } = await answerTo(
      createHandler(model),
      post(path, { messages, tools, tool_choice: "none" }),
    );
    expect(model.asked[0]!.options.tools).toBeUndefined();
    expect(json.choices[0].message.content).toBe(answer.join(""));
  });

  it("are called in the form that an option names, with special tokens kept where they begin calls", async () => {
    const model = new ScriptedModel(() => ['[TOOL_CALLS][{"name": "add", "arguments": {"a": 1}}]'], {
      template: "{{ tools }}",
    });
    const { json } = await answerTo(
      createHandler(model, { toolFormat: "list" }),
      post(path, { messages, tools }),
    );
    // Where the template says it, the option has nothing to say: it is for other models.
    const said = new ScriptedModel(() => answer, { template });
    const own = await answerTo(createHandler(said, { toolFormat: "list" }), post(path, { messages, tools }));
    expect(own.json.choices[0].message.tool_calls).toHaveLength(2);
    // Mistral's templates take no other ids.
    expect(json.choices[0].message.tool_calls[0].id).toMatch(/^[a-z0-9]{9}$/);
    expect(model.asked[0]!.options.keepSpecialTokens).toBe(true);
  });

  it("are answered by messages whose calls a template reads as objects", async () => {
    const model = new ScriptedModel(() => ["3"], { template });
    const call = { id: "call_1", type: "function", function: { name: "add", arguments: '{"a": 1, "b": 2}' } };
    const conversation = [
      ...messages,
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "call_1", content: "3" },
    ];
    const { status } = await answerTo(createHandler(model), post(path, { messages: conversation, tools }));
    expect(status).toBe(200);
    expect(model.asked[0]!.prompt).toEqual([
      ...messages,
      {
        role: "assistant",
        content: "",
        tool_calls: [{ ...call, function: { name: "add", arguments: { a: 1, b: 2 } } }],
      },
      { role: "tool", tool_call_id: "call_1", content: "3" },
    ]);
  });
});

const schemasOf = ({ responseFormat }: AskedFor["options"]): object | undefined =>
  responseFormat?.type === "grammar" ? responseFormat.schemas : undefined;
const namesOf = ({ tools: given }: AskedFor["options"]): string[] =>
  (given as readonly { function: { name: string } }[]).map((own) => own.function.name);

describe("calls that are asked for", () => {
  const responses = "/v1/responses";
  const two = [...tools, { type: "function", function: { name: "sub", parameters, strict: false } }];
  const flat = two.map(({ type, function: own }) => ({ type, ...own }));
  const call = answer.slice(1);

  /** What the model was asked with. */
  async function asked(body: object, route = path): Promise<AskedFor["options"]> {
    const model = new ScriptedModel(() => call, { template });
    const prompt = route === path ? { messages, tools: two } : { input: "What?", tools: flat };
    const { status, json } = await answerTo(createHandler(model), post(route, { ...prompt, ...body }));
    expect(status, JSON.stringify(json)).toBe(200);
    return model.asked[0]!.options;
  }
  const held = { arguments0: { ...parameters } };
  const loose = { arguments1: { type: "object" } };

  it.each<[string, object, object, object | undefined]>([
    ["are left to the model", { tool_choice: "auto" }, { tool_choice: "auto" }, undefined],
    ["have to come", { tool_choice: "required" }, { tool_choice: "required" }, { ...held, ...loose }],
    [
      "are of one function",
      { tool_choice: { type: "function", function: { name: "add" } } },
      { tool_choice: { type: "function", name: "add" } },
      held,
    ],
    [
      "are of some functions",
      {
        tool_choice: {
          type: "allowed_tools",
          allowed_tools: { mode: "required", tools: [{ type: "function", function: { name: "add" } }] },
        },
      },
      {
        tool_choice: { type: "allowed_tools", mode: "required", tools: [{ type: "function", name: "add" }] },
      },
      held,
    ],
  ])("%s", async (_, ofChat, ofResponses, schemas) => {
    expect(schemasOf(await asked(ofChat))).toEqual(schemas);
    expect(schemasOf(await asked(ofResponses, responses))).toEqual(schemas);
  });

  it("are of functions that the model knows, and of one that may be called it knows the others", async () => {
    const allowed = { mode: "auto", tools: [{ type: "function", function: { name: "sub" } }] };
    expect(namesOf(await asked({ tool_choice: { type: "allowed_tools", allowed_tools: allowed } }))).toEqual([
      "sub",
    ]);
    const one = await asked({ tool_choice: { type: "function", function: { name: "sub" } } });
    expect(namesOf(one)).toEqual(["add", "sub"]);
    expect(schemasOf(one)).toEqual(loose);
    // Templates are not told what is strict.
    expect(one.tools).toEqual(
      tools.concat({ type: "function", function: { name: "sub", parameters } } as never),
    );
  });

  it("have arguments that are held to a strict function's schema, and are left to the model otherwise", async () => {
    const strict = {
      tools: [{ type: "function", function: { ...tools[0]!.function, strict: true } }, two[1]],
    };
    const { responseFormat } = await asked(strict);
    expect(responseFormat).toMatchObject({ type: "grammar", schemas: { ...held, ...loose } });
    expect(JSON.stringify(responseFormat)).toContain('TagDispatch((\\"<tool_call>\\"');
  });

  it("come back as calls, whole and streamed", async () => {
    const body = { messages, tools, tool_choice: "required" };
    const model = new ScriptedModel(() => call, { template });
    const { json } = await answerTo(createHandler(model), post(path, body));
    expect(json.choices[0].finish_reason).toBe("tool_calls");
    expect(json.choices[0].message).toMatchObject({ content: null, tool_calls: [{}, {}] });
    const events = await eventsOf(createHandler(model), post(path, { ...body, stream: true }));
    expect(events.at(-2)!.data.choices[0].finish_reason).toBe("tool_calls");
  });

  it("leave no text that a format could be for", async () => {
    const format = { response_format: { type: "json_object" }, tool_choice: "required" };
    expect(schemasOf(await asked(format))).toBeDefined();
  });

  it("are refused with the schema's keyword that can't be held, by the tool's name for it", async () => {
    const model = new ScriptedModel(() => [], {
      template,
      failure: new ArgumentError({
        argument: "responseFormat.schemas.arguments0.properties.a.multipleOf",
        expected: "keywords that can be held for number",
        received: 2,
      }),
    });
    const { status, json } = await answerTo(
      createHandler(model),
      post(path, { messages, tools, tool_choice: "required" }),
    );
    expect([status, json.error.param]).toEqual([400, "tools"]);
    expect(json.error.message).toMatch(
      /^tools\[0\]\.function\.parameters\.properties\.a\.multipleOf: expected .* received 2\. With strict false/,
    );
  });
});

describe("tools that cannot be had are refused by name:", () => {
  const own = { name: "add", parameters };
  it.each<[string, object, string, RegExp, (string | undefined)?]>([
    ["a choice without tools", { tool_choice: "required" }, "tool_choice", /pass them beside it/],
    [
      "a choice of what there is not",
      { tools, tool_choice: { type: "function", function: { name: "sub" } } },
      "tool_choice",
      /functions that are in tools, as 'sub' is not/,
    ],
    ["a choice that is none", { tools, tool_choice: "any" }, "tool_choice", /'none', 'auto', 'required', or/],
    [
      "a choice of tools that weft has not",
      { tools, tool_choice: { type: "custom", custom: { name: "add" } } },
      "tool_choice.type",
      /'function' or 'allowed_tools'/,
    ],
    [
      "a choice among none",
      { tools, tool_choice: { type: "allowed_tools", allowed_tools: { mode: "auto", tools: [] } } },
      "tool_choice.allowed_tools",
      /and tools/,
    ],
    [
      "arguments that are no object",
      { tools: [{ type: "function", function: { ...own, parameters: { type: "array" }, strict: true } }] },
      "tools",
      /tools\[0\]\.function\.parameters: expected a JSON schema of the type "object"/,
    ],
    [
      "a choice of a model that knows no tools",
      { tools, tool_choice: "required" },
      "tools",
      /toolFormat/,
      "{{ messages }}",
    ],
    ["tools of OpenAI's", { tools: [{ type: "web_search" }] }, "tools[0].type", /'web_search'/],
    [
      "a bad name",
      { tools: [{ type: "function", function: { name: "a b" } }] },
      "tools[0].function.name",
      /letters/,
    ],
    ["the older form", { functions: [own] }, "functions", /tools/],
    ["a model that knows none", { tools }, "tools", /toolFormat/, "{{ messages }}"],
    [
      "arguments that are no JSON",
      {
        messages: [
          {
            role: "assistant",
            tool_calls: [{ id: "1", type: "function", function: { name: "add", arguments: "a=1" } }],
          },
        ],
      },
      "messages[0].tool_calls[0].function.arguments",
      /the JSON of an object/,
    ],
  ])("%s", async (_, body, param, message, ownTemplate = template) => {
    const model = new ScriptedModel(() => answer, { template: ownTemplate });
    const { status, json } = await answerTo(createHandler(model), post(path, { messages, ...body }));
    expect(status).toBe(400);
    expect(json.error).toMatchObject({ type: "invalid_request_error", param });
    expect(json.error.message).toMatch(message);
    expect(model.asked).toEqual([]);
  });
});
