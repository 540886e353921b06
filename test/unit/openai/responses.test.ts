// POST /v1/responses, whole and as events.
import { describe, expect, it } from "vitest";
import { DeviceError } from "../../../src/errors.js";
import { createHandler } from "../../../src/openai/index.js";
import { answerTo, eventsOf, post, type Json, type SentEvent } from "../../helpers/api-calls.js";
import { ScriptedModel, turn } from "../../helpers/scripted-model.js";

const path = "/v1/responses";
const template = "{{ tools }}{{ '<tool_call>' }}";
const everything = [
  "<think>Hmm.</think>",
  "I ",
  "add.",
  '\n<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>',
];
const tools = [{ type: "function", name: "add", description: "Adds.", parameters: { type: "object" } }];
const types = (events: readonly SentEvent[]): string[] => events.map(({ data }) => data.type as string);

/** The events of an item. */
const of = (item: string, ...deltas: string[]): string[] => [
  "response.output_item.added",
  "response.content_part.added",
  ...deltas.map(() => `response.${item}.delta`),
  `response.${item}.done`,
  "response.content_part.done",
  "response.output_item.done",
];

const withoutIds = (items: Json[]): object[] =>
  items.map((item) => ({ ...item, id: undefined, call_id: undefined }) as object);

describe("a response", () => {
  it("has a message", async () => {
    const model = new ScriptedModel(() => ["Hel", "lo."]);
    const body = {
      model: "m",
      input: "Hi",
      instructions: "Be brief.",
      max_output_tokens: 50,
      temperature: 0,
    };
    const { json } = await answerTo(createHandler({ m: model }), post(path, body));
    expect(json).toMatchObject({
      id: expect.stringMatching(/^resp_/) as string,
      object: "response",
      status: "completed",
      error: null,
      incomplete_details: null,
      instructions: "Be brief.",
      model: "m",
      store: false,
      temperature: 0,
      output: [
        {
          type: "message",
          id: expect.stringMatching(/^msg_/) as string,
          role: "assistant",
          status: "completed",
          content: [{ type: "output_text", text: "Hello.", annotations: [], logprobs: [] }],
        },
      ],
      usage: { input_tokens: 2, output_tokens: 6, total_tokens: 8 },
    });
    expect(json.output).toHaveLength(1);
    expect(model.asked[0]).toMatchObject({
      prompt: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi" },
      ],
      options: { maxTokens: 50, temperature: 0 },
    });
  });

  it("has thoughts, text and calls as items, and the same ones as events", async () => {
    const model = new ScriptedModel(() => everything, { template });
    const handler = createHandler({ m: model });
    const body = { model: "m", input: "1 + 1?", tools };
    const { json } = await answerTo(handler, post(path, body));
    expect(model.asked[0]!.options.tools).toEqual([
      { type: "function", function: { name: "add", description: "Adds.", parameters: { type: "object" } } },
    ]);
    expect(json.output.map(({ type }: Json) => type as string)).toEqual([
      "reasoning",
      "message",
      "function_call",
    ]);
    expect(json.output[0].content).toEqual([{ type: "reasoning_text", text: "Hmm." }]);
    expect(json.output[1].content[0].text).toBe("I add.");
    expect(json.output[2]).toMatchObject({ name: "add", arguments: '{"a":1}', status: "completed" });

    const events = await eventsOf(handler, post(path, { ...body, stream: true }));
    for (const [index, { event, data }] of events.entries()) {
      expect(event).toBe(data.type);
      expect(data.sequence_number).toBe(index);
    }
    expect(types(events)).toEqual([
      "response.created",
      "response.in_progress",
      ...of("reasoning_text", "Hmm."),
      ...of("output_text", "I", " add."),
      "response.output_item.added",
      "response.function_call_arguments.delta",
      "response.function_call_arguments.done",
      "response.output_item.done",
      "response.completed",
    ]);
    const { response } = events.at(-1)!.data;
    const done = events.filter(({ data }) => data.type === "response.output_item.done");
    expect(response.output).toEqual(done.map(({ data }) => data.item as object));
    expect(done.map(({ data }) => data.output_index as number)).toEqual([0, 1, 2]);
    expect(withoutIds(response.output as Json[])).toEqual(withoutIds(json.output as Json[]));
    expect(response.usage).toEqual(json.usage);
    for (const { data } of events.slice(0, 2))
      expect(data.response).toMatchObject({ id: response.id as string, status: "in_progress", output: [] });
    const deltas = events.filter(({ data }) => data.type === "response.output_text.delta");
    expect(deltas.map(({ data }) => data.delta as string).join("")).toBe("I add.");
  });

  it("is incomplete where max_output_tokens ends it", async () => {
    const handler = createHandler(new ScriptedModel(() => ["Hel", "lo", " you"]));
    const body = { input: "Hi", max_output_tokens: 5 };
    const { json } = await answerTo(handler, post(path, body));
    expect(json).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
      output: [{ status: "incomplete", content: [{ text: "Hello" }] }],
    });
    const events = await eventsOf(handler, post(path, { ...body, stream: true }));
    expect(types(events).at(-1)).toBe("response.incomplete");
  });

  it("has an empty message where the model writes nothing", async () => {
    const { json } = await answerTo(createHandler(new ScriptedModel(() => [])), post(path, { input: "Hi" }));
    expect(json.output).toMatchObject([{ type: "message", content: [{ text: "" }] }]);
  });

  it("takes items, and makes one message of what one side says in several", async () => {
    const model = new ScriptedModel(() => ["3"], { template });
    const input = [
      { role: "developer", content: "In digits." },
      { type: "message", role: "user", content: [{ type: "input_text", text: "1 + 2?" }] },
      { type: "reasoning", id: "rs_1", summary: [], content: [{ type: "reasoning_text", text: "Add." }] },
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "I add." }] },
      { type: "function_call", call_id: "c1", name: "add", arguments: '{"a": 1}' },
      { type: "function_call", call_id: "c2", name: "add", arguments: '{"a": 2}' },
      { type: "function_call_output", call_id: "c1", output: "3" },
      { type: "function_call_output", call_id: "c2", output: [{ type: "input_text", text: "4" }] },
    ];
    await answerTo(createHandler(model), post(path, { instructions: "Be brief.", input, tools }));
    expect(model.asked[0]!.prompt).toEqual([
      { role: "system", content: "Be brief.\n\nIn digits." },
      { role: "user", content: "1 + 2?" },
      {
        role: "assistant",
        content: "I add.",
        reasoning_content: "Add.",
        tool_calls: ["c1", "c2"].map((id, index) => ({
          id,
          type: "function",
          function: { name: "add", arguments: { a: index + 1 } },
        })),
      },
      { role: "tool", content: "3", tool_call_id: "c1" },
      { role: "tool", content: "4", tool_call_id: "c2" },
    ]);
  });

  it("that fails in the middle says so in its last event", async () => {
    const handler = createHandler(
      new ScriptedModel(() => ["a", "b"], {
        async beforePiece(index) {
          await turn();
          if (index > 0) throw new DeviceError({ reason: "lost", problem: "Lost", remedy: "Load again." });
        },
      }),
    );
    const events = await eventsOf(handler, post(path, { input: "Hi", stream: true }));
    expect(types(events).slice(-2)).toEqual(["response.output_text.delta", "response.failed"]);
    expect(events.at(-1)!.data.response).toMatchObject({
      status: "failed",
      error: { code: "model_unavailable", message: expect.stringContaining("Lost") as string },
    });
  });

  it.each<[object, string]>([
    [{ previous_response_id: "resp_1" }, "previous_response_id"],
    [{ conversation: "conv_1" }, "conversation"],
    [{ background: true }, "background"],
    [{ text: { format: { type: "json_schema", name: "x" } } }, "text.format.schema"],
    [{ text: { verbosity: "low" } }, "text.verbosity"],
    [{ reasoning: { effort: "low" } }, "reasoning"],
    [{ truncation: "auto" }, "truncation"],
    [{ include: ["file_search_call.results"] }, "include"],
    [{ tools: [{ type: "web_search" }] }, "tools[0].type"],
    [{ top_logprobs: 3 }, "top_logprobs"],
    [{ input: [{ type: "item_reference", id: "x" }] }, "input[0].type"],
    [{ input: [] }, "input"],
    [
      { input: [{ role: "user", content: [{ type: "input_image", image_url: "x" }] }] },
      "input[0].content[0].type",
    ],
    [{ input: [{ role: "tool", content: "x" }] }, "input[0].role"],
    [{ something: 1 }, "something"],
  ])("refuses %j by name", async (body, param) => {
    const handler = createHandler(new ScriptedModel(() => ["a"], { template }));
    const { status, json } = await answerTo(handler, post(path, { input: "Hi", ...body }));
    expect([status, json.error.param]).toEqual([400, param]);
  });

  it.each<[object]>([
    [{ text: { format: { type: "text" } } }],
    [{ reasoning: { effort: null, summary: "auto" } }],
    [{ include: ["reasoning.encrypted_content"], store: false, truncation: "disabled", background: false }],
    [{ previous_response_id: null, metadata: { a: "b" }, user: "me" }],
  ])("takes %j, which asks for nothing else", async (body) => {
    const { status } = await answerTo(
      createHandler(new ScriptedModel(() => ["a"])),
      post(path, { input: "Hi", ...body }),
    );
    expect(status).toBe(200);
  });
});
