// Requests that cannot be used: the status, and what the error says of them.
import { describe, expect, it } from "vitest";
import { createHandler, type RequestRecord } from "../../../src/openai/index.js";
import { answerTo, get, post } from "../../helpers/api-calls.js";
import { ScriptedModel } from "../../helpers/scripted-model.js";

const path = "/v1/completions";
const writer = (): ScriptedModel => new ScriptedModel(() => ["a"]);
const body = { prompt: "x", max_tokens: 2000 };

const withoutStream = (request: Request): Request =>
  Object.defineProperty(request, "body", { value: undefined });

it("is read where its body is no stream", async () => {
  const response = await createHandler(writer())(withoutStream(post(path, { prompt: "x", max_tokens: 1 })));
  expect(await response.json()).toMatchObject({ choices: [{ text: "a" }] });
});

describe("a request that cannot be used", () => {
  const handler = createHandler(writer(), { limits: { bodyBytes: 400, promptTokens: 20 } });
  it.each<[string, Request, number, object]>([
    ["is no JSON", post(path, "{"), 400, { code: "invalid_json" }],
    ["is no object", post(path, "[1]"), 400, { code: "invalid_json" }],
    ["is empty", post(path, ""), 400, { code: "invalid_json" }],
    ["is too large", post(path, { prompt: "x".repeat(500) }), 413, { code: "request_too_large" }],
    // Firefox has no bodies of requests as streams.
    [
      "is too large, where it is no stream",
      withoutStream(post(path, { prompt: "x".repeat(500) })),
      413,
      { code: "request_too_large" },
    ],
    ["is no JSON, where it is no stream", withoutStream(post(path, "{")), 400, { code: "invalid_json" }],
    [
      "has too many tokens",
      post(path, { prompt: "x".repeat(21) }),
      400,
      { code: "context_length_exceeded", param: "prompt" },
    ],
    [
      "has too many tokens in its messages",
      post("/v1/chat/completions", {
        messages: [1, 2].map(() => ({ role: "user", content: "x".repeat(11) })),
      }),
      400,
      { code: "context_length_exceeded", param: "messages" },
    ],
    [
      "has too many tokens in what tools are and were called with",
      post("/v1/chat/completions", {
        messages: [
          {
            role: "assistant",
            tool_calls: [
              {
                id: "1",
                type: "function",
                function: { name: "f", arguments: '{"a": "123456789012345678901"}' },
              },
            ],
          },
        ],
      }),
      400,
      { code: "context_length_exceeded", param: "messages" },
    ],
    [
      "has too many tokens in variables of the template",
      post("/v1/chat/completions", {
        messages: [{ role: "user", content: "x" }],
        chat_template_kwargs: { a: ["x".repeat(20)] },
      }),
      400,
      { code: "context_length_exceeded", param: "messages" },
    ],
    [
      "has messages in variables of the template",
      post("/v1/chat/completions", {
        messages: [{ role: "user", content: "x" }],
        chat_template_kwargs: { messages: [] },
      }),
      400,
      { param: "chat_template_kwargs.messages" },
    ],
    [
      "has too many stops",
      post(path, { prompt: "x", stop: Array.from({ length: 65 }, () => "a") }),
      400,
      { param: "stop" },
    ],
    [
      "has an unknown field",
      post(path, { ...body, frobnicate: 1 }),
      400,
      { code: "unknown_parameter", param: "frobnicate" },
    ],
    [
      "has a field of another type",
      post(path, { ...body, temperature: "hot" }),
      400,
      { code: "invalid_value", param: "temperature" },
    ],
    ["has a value out of range", post(path, { ...body, top_p: 0 }), 400, { param: "top_p" }],
    [
      "lacks a field",
      post("/v1/chat/completions", {}),
      400,
      { code: "missing_required_parameter", param: "messages" },
    ],
    ["has no messages", post("/v1/chat/completions", { messages: [] }), 400, { param: "messages" }],
    [
      "has a message that is none",
      post("/v1/chat/completions", { messages: ["a"] }),
      400,
      { param: "messages[0]" },
    ],
    [
      "has an unknown role",
      post("/v1/chat/completions", { messages: [{ role: "cat", content: "x" }] }),
      400,
      { param: "messages[0].role" },
    ],
    [
      "has an image",
      post("/v1/chat/completions", {
        messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }],
      }),
      400,
      { code: "unsupported_content", param: "messages[0].content[0].type" },
    ],
    [
      "asks for a form that there is none of",
      post("/v1/chat/completions", {
        messages: [{ role: "user", content: "x" }],
        response_format: { type: "yaml" },
      }),
      400,
      { code: "invalid_value", param: "response_format.type" },
    ],
    [
      "asks for other tokens' log-probabilities",
      post("/v1/chat/completions", {
        messages: [{ role: "user", content: "x" }],
        logprobs: true,
        top_logprobs: 2,
      }),
      400,
      { code: "unsupported_parameter", param: "top_logprobs" },
    ],
    [
      "asks for usage without a stream",
      post(path, { ...body, stream_options: {} }),
      400,
      { param: "stream_options" },
    ],
    ["is for no route", post("/v1/images", {}), 404, { code: "unknown_url" }],
    ["is of another method", get(path), 405, { code: "method_not_allowed" }],
  ])("because it %s", async (_, request, status, error) => {
    const answer = await answerTo(handler, request);
    expect(answer.json.error).toMatchObject({ type: "invalid_request_error", ...error });
    expect(answer.json.error.message).toMatch(/\S/);
    expect(answer.status).toBe(status);
  });

  it("for the model's own reasons names the field", async () => {
    const long = await answerTo(createHandler(writer()), post(path, { prompt: "x".repeat(501) }));
    expect([long.status, long.json.error]).toMatchObject([
      400,
      { param: "prompt", code: "context_length_exceeded", message: expect.stringContaining("501") as string },
    ]);
    // In a stream too: it has not begun.
    const stream = await answerTo(
      createHandler(writer()),
      post(path, { prompt: "x".repeat(501), stream: true }),
    );
    expect(stream.status).toBe(400);
  });

  it("by its length alone is not cut into tokens", async () => {
    const model = writer();
    const { status, json } = await answerTo(
      createHandler(model),
      post(path, { prompt: "x".repeat(256_001) }),
    );
    expect([status, json.error.code]).toEqual([400, "context_length_exceeded"]);
    expect(model.asked).toEqual([]);
  });

  it("of a defect of the server's tells nothing of it", async () => {
    const records: RequestRecord[] = [];
    const model = new ScriptedModel(() => ["a"], { failure: new TypeError("secret.path is not a function") });
    const handlerOfIt = createHandler(model, { onRequest: (record) => records.push(record) });
    const { status, json } = await answerTo(handlerOfIt, post(path, body));
    expect([status, json.error.type]).toEqual([500, "server_error"]);
    expect(JSON.stringify(json)).not.toContain("secret");
    expect(records[0]!.error?.message).toContain("secret");
  });
});
