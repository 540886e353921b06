// The official OpenAI client against the handler, unchanged.
import { APIUserAbortError, AuthenticationError, NotFoundError, RateLimitError } from "openai";
import { describe, expect, it } from "vitest";
import { createHandler } from "../../../src/openai/index.js";
import { clientOf } from "../../helpers/openai-client.js";
import { ScriptedModel, turn } from "../../helpers/scripted-model.js";

const template = "{{ tools }}{{ '<tool_call>' }}";
const hello = ["Hel", "lo", " you", "."];
const messages = [{ role: "user" as const, content: "Hello" }];
const parameters = { type: "object", properties: { city: { type: "string" } } };

describe("OpenAI's client", () => {
  it("chats, whole and in a stream, and gets the same", async () => {
    const client = clientOf(createHandler({ m: new ScriptedModel(() => hello) }));
    const whole = await client.chat.completions.create({ model: "m", messages });
    expect(whole.choices[0]!.message.content).toBe("Hello you.");
    const stream = client.chat.completions.stream({
      model: "m",
      messages,
      n: 2,
      stream_options: { include_usage: true },
    });
    const pieces: string[] = [];
    stream.on("chunk", ({ choices }) => {
      for (const { index, delta } of choices) if (index === 0) pieces.push(delta.content ?? "");
    });
    const final = await stream.finalChatCompletion();
    expect(final.choices.map(({ message }) => message.content)).toEqual(["Hello you.", "Hello you."]);
    expect(final.choices.map((choice) => choice.finish_reason)).toEqual(["stop", "stop"]);
    expect(final.usage).toEqual({ prompt_tokens: 1, completion_tokens: 20, total_tokens: 21 });
    expect(pieces.join("")).toBe("Hello you.");
  });

  it("adds up the log-probabilities of a stream", async () => {
    const client = clientOf(createHandler({ m: new ScriptedModel(() => ["a", "b"]) }));
    const stream = client.chat.completions.stream({ model: "m", messages, logprobs: true });
    const { choices } = await stream.finalChatCompletion();
    expect(choices[0]!.logprobs!.content!.map(({ token, logprob }) => [token, logprob])).toEqual([
      ["a", -0.097],
      ["b", -0.098],
    ]);
  });

  it("runs tools until there is an answer", async () => {
    const model = new ScriptedModel(
      ({ prompt }) =>
        (prompt as readonly { role: string; content: string }[]).at(-1)!.role === "tool"
          ? ["It is ", (prompt as readonly { content: string }[]).at(-1)!.content, "."]
          : ['<tool_call>{"name": "weather", "arguments": {"city": "Köln"}}</tool_call>'],
      { template },
    );
    const asked: unknown[] = [];
    const runner = clientOf(createHandler({ m: model })).chat.completions.runTools({
      model: "m",
      messages,
      stream: true,
      tools: [
        {
          type: "function",
          function: {
            name: "weather",
            description: "Tells the weather.",
            parameters,
            parse: JSON.parse as (text: string) => object,
            function: (given: object) => {
              asked.push(given);
              return "sunny";
            },
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe("It is sunny.");
    expect(asked).toEqual([{ city: "Köln" }]);
  });

  it("gets responses, and adds up their events", async () => {
    const script = [
      "<think>Hm.</think>",
      "I look.",
      '<tool_call>{"name": "weather", "arguments": {}}</tool_call>',
    ];
    const client = clientOf(createHandler({ m: new ScriptedModel(() => script, { template }) }));
    const tool = { type: "function" as const, name: "weather", parameters, strict: false };
    const body = { model: "m", input: "How is it?", tools: [tool] };
    const whole = await client.responses.create(body);
    expect(whole.output_text).toBe("I look.");
    expect(whole.output.map(({ type }) => type)).toEqual(["reasoning", "message", "function_call"]);
    const stream = client.responses.stream(body);
    let text = "";
    stream.on("response.output_text.delta", ({ delta }) => (text += delta));
    const final = await stream.finalResponse();
    expect(final.status).toBe("completed");
    expect(final.output_text).toBe("I look.");
    expect(text).toBe("I look.");
    expect(final.output.map(({ type }) => type)).toEqual(["reasoning", "message", "function_call"]);
  });

  it("continues texts", async () => {
    const client = clientOf(createHandler({ m: new ScriptedModel(() => [" upon", " a time"]) }));
    const stream = await client.completions.create({ model: "m", prompt: ["Once", "Twice"], stream: true });
    const texts = ["", ""];
    for await (const { choices } of stream) for (const { index, text } of choices) texts[index] += text;
    expect(texts).toEqual([" upon a time", " upon a time"]);
  });

  it("embeds: it asks for bytes, and makes numbers of them", async () => {
    const client = clientOf(createHandler({ m: new ScriptedModel(() => []) }));
    const { data, usage } = await client.embeddings.create({ model: "m", input: ["cat", "kitten"] });
    const third = Math.fround(1 / 3);
    expect(data.map(({ embedding }) => embedding)).toEqual([
      [3, -0.5, third],
      [6, -0.5, third],
    ]);
    expect(usage.total_tokens).toBe(9);
  });

  it("lists models", async () => {
    const client = clientOf(
      createHandler({ a: new ScriptedModel(() => []), "b/c": new ScriptedModel(() => []) }),
    );
    const names: string[] = [];
    for await (const { id } of client.models.list()) names.push(id);
    expect(names).toEqual(["a", "b/c"]);
    expect((await client.models.retrieve("b/c")).id).toBe("b/c");
  });

  it("knows failures by their classes", async () => {
    const model = new ScriptedModel(() => hello);
    const handler = createHandler({ m: model }, { apiKeys: ["good"], limits: { bodyBytes: 1000 } });
    const create = (body: object, key = "good"): Promise<unknown> =>
      clientOf(handler, key).chat.completions.create({ model: "m", messages, ...body });
    await expect(create({}, "bad")).rejects.toBeInstanceOf(AuthenticationError);
    await expect(create({ model: "x" })).rejects.toBeInstanceOf(NotFoundError);
    await expect(create({ top_p: 7 })).rejects.toMatchObject({
      status: 400,
      param: "top_p",
      type: "invalid_request_error",
    });
    await expect(create({ user: "x".repeat(1000) })).rejects.toMatchObject({ status: 413 });
    const full = createHandler({ m: model }, { limits: { concurrent: 1, queue: 0 } });
    const first = clientOf(full).chat.completions.create({ model: "m", messages });
    await expect(clientOf(full).chat.completions.create({ model: "m", messages })).rejects.toBeInstanceOf(
      RateLimitError,
    );
    expect((await first).choices).toHaveLength(1);
  });

  it("ends an answer by aborting: the model writes no more", async () => {
    const model = new ScriptedModel(() => Array.from({ length: 500 }, () => "a"));
    const client = clientOf(createHandler({ m: model }));
    const stream = await client.chat.completions.create({ model: "m", messages, stream: true });
    let chunks = 0;
    for await (const _ of stream) if (++chunks === 4) stream.controller.abort();
    expect(chunks).toBeLessThan(10);
    const leaving = new AbortController();
    const whole = client.chat.completions.create({ model: "m", messages }, { signal: leaving.signal });
    const failure = expect(whole).rejects.toBeInstanceOf(APIUserAbortError);
    await turn();
    leaving.abort();
    await failure;
    for (let waited = 0; model.running > 0 && waited < 1000; waited++) await turn();
    expect(model.ended).toEqual(["abort", "abort"]);
  });

  it("ends an answer by leaving the loop", async () => {
    const model = new ScriptedModel(() => Array.from({ length: 500 }, () => "a"));
    const stream = await clientOf(createHandler({ m: model })).chat.completions.create({
      model: "m",
      messages,
      stream: true,
    });
    for await (const { choices } of stream) if (choices[0]!.delta.content) break;
    for (let waited = 0; model.running > 0 && waited < 1000; waited++) await turn();
    expect(model.ended).toEqual(["abort"]);
  });
});
