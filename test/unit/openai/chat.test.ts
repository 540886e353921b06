// POST /v1/chat/completions, whole and in chunks.
import { describe, expect, it } from "vitest";
import { createHandler } from "../../../src/openai/index.js";
import { answerTo, eventsOf, post, type Json } from "../../helpers/api-calls.js";
import { ScriptedModel } from "../../helpers/scripted-model.js";

const path = "/v1/chat/completions";
const messages = [{ role: "user", content: "Hello" }];
const hello = ["Hel", "lo", " you", "."];

const parts = (...texts: string[]): object[] => texts.map((text) => ({ type: "text", text }));

function deltas(events: readonly { readonly data: Json }[], index = 0): Json[] {
  return events.flatMap(({ data }) =>
    data === "[DONE]" ? [] : data.choices.filter((choice: Json) => choice.index === index),
  );
}

describe("a chat", () => {
  it("is answered whole", async () => {
    const model = new ScriptedModel(() => hello);
    const { status, json } = await answerTo(
      createHandler({ m: model }),
      post(path, { model: "m", messages }),
    );
    expect(status).toBe(200);
    expect(json).toEqual({
      id: expect.stringMatching(/^chatcmpl-/) as string,
      object: "chat.completion",
      created: expect.any(Number) as number,
      model: "m",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Hello you.", refusal: null },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      usage: { prompt_tokens: 1, completion_tokens: 10, total_tokens: 11 },
    });
  });

  it("is streamed: the role first, a reason to end in the last chunk only, the usage where it is asked for", async () => {
    const handler = createHandler({ m: new ScriptedModel(() => hello) });
    const events = await eventsOf(
      handler,
      post(path, { model: "m", messages, stream: true, stream_options: { include_usage: true } }),
    );
    expect(events.pop()!.data).toBe("[DONE]");
    const chunks = events.map(({ data }) => data);
    expect(new Set(chunks.map(({ id }) => id as string)).size).toBe(1);
    for (const chunk of chunks) expect(chunk).toMatchObject({ object: "chat.completion.chunk", model: "m" });
    const last = chunks.pop();
    expect(last).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 1, completion_tokens: 10, total_tokens: 11 },
    });
    expect(chunks.map(({ usage }) => usage as unknown)).toEqual(chunks.map(() => null));
    expect(chunks.map(({ choices }) => choices[0].delta as object)).toEqual([
      { role: "assistant", content: "" },
      ...hello.map((content) => ({ content })),
      {},
    ]);
    const reasons = chunks.map(({ choices }) => choices[0].finish_reason as string | null);
    expect(reasons).toEqual([...reasons.slice(1).map(() => null), "stop"]);
  });

  it("has no usage in a stream that does not ask for it", async () => {
    const events = await eventsOf(
      createHandler({ m: new ScriptedModel(() => hello) }),
      post(path, { model: "m", messages, stream: true }),
    );
    for (const { data } of events) expect(data).not.toHaveProperty("usage");
  });

  it("gives n answers, each with a seed of its own, and counts the prompt once", async () => {
    const model = new ScriptedModel(({ options }) => ["seed ", String(options.seed)]);
    const handler = createHandler(model);
    const { json } = await answerTo(handler, post(path, { messages, n: 3, seed: 7 }));
    expect(json.choices.map((choice: Json) => choice.message.content as string)).toEqual([
      "seed 7",
      "seed 8",
      "seed 9",
    ]);
    expect(json.usage).toEqual({ prompt_tokens: 1, completion_tokens: 18, total_tokens: 19 });
    const events = await eventsOf(handler, post(path, { messages, n: 3, seed: 7, stream: true }));
    for (const [index, text] of ["seed 7", "seed 8", "seed 9"].entries()) {
      const own = deltas(events, index);
      expect(own[0].delta.role).toBe("assistant");
      expect(own.map(({ delta }) => (delta.content ?? "") as string).join("")).toBe(text);
      expect(own.filter((choice) => choice.finish_reason !== null)).toHaveLength(1);
      expect(own.at(-1).finish_reason).toBe("stop");
    }
  });

  it("passes on how tokens are chosen, by weft's names", async () => {
    const model = new ScriptedModel(() => hello);
    const fields = {
      temperature: 0.5,
      top_p: 0.9,
      top_k: -1,
      min_p: 0.1,
      repetition_penalty: 1.1,
      min_tokens: 2,
      seed: 5,
      stop: "END",
      logit_bias: { "42": -100 },
      frequency_penalty: 0.1,
      presence_penalty: -0.2,
      max_tokens: 50,
      max_completion_tokens: 40,
      chat_template_kwargs: { enable_thinking: false },
      logprobs: true,
      user: "somebody",
      metadata: { a: "b" },
      store: true,
      service_tier: "auto",
      n: null,
    };
    await answerTo(createHandler(model), post(path, { messages, ...fields }));
    const { signal, ...options } = model.asked[0]!.options;
    expect(signal).toBeInstanceOf(AbortSignal);
    expect(options).toEqual({
      temperature: 0.5,
      topP: 0.9,
      topK: 0,
      minP: 0.1,
      repetitionPenalty: 1.1,
      minTokens: 2,
      seed: 5,
      stop: ["END"],
      logitBias: { "42": -100 },
      frequencyPenalty: 0.1,
      presencePenalty: -0.2,
      maxTokens: 40,
      templateVariables: { enable_thinking: false },
      logProbabilities: true,
    });
  });

  it("leaves to the model what is left out", async () => {
    const model = new ScriptedModel(() => hello);
    await answerTo(createHandler(model), post(path, { messages, temperature: null, stop: [] }));
    expect(Object.keys(model.asked[0]!.options)).toEqual(["signal"]);
  });

  it("ends where max_completion_tokens says, and says so", async () => {
    const handler = createHandler(new ScriptedModel(() => hello));
    const { json } = await answerTo(handler, post(path, { messages, max_completion_tokens: 5 }));
    expect(json.choices[0]).toMatchObject({ message: { content: "Hello" }, finish_reason: "length" });
  });

  it("has the log-probabilities of the chosen tokens, in a stream at its end", async () => {
    const handler = createHandler(new ScriptedModel(() => ["a", "é"]));
    const content = [
      { token: "a", logprob: -0.097, bytes: [97], top_logprobs: [] },
      { token: "é", logprob: -0.233, bytes: [195, 169], top_logprobs: [] },
    ];
    const { json } = await answerTo(handler, post(path, { messages, logprobs: true, top_logprobs: 0 }));
    expect(json.choices[0].logprobs).toEqual({ content, refusal: null });
    const events = await eventsOf(handler, post(path, { messages, logprobs: true, stream: true }));
    const given = deltas(events).map(({ logprobs }) => logprobs as unknown);
    expect(given.at(-1)).toEqual({ content, refusal: null });
    expect(given.slice(0, -1).every((own) => own === null)).toBe(true);
  });

  it("gives the texts of messages to the template, the parts of one together", async () => {
    const model = new ScriptedModel(() => hello);
    await answerTo(
      createHandler(model),
      post(path, {
        messages: [
          { role: "developer", content: parts("Be ", "brief.") },
          { role: "user", name: "Ada", content: parts("Hi") },
          { role: "assistant", content: "Hello", reasoning_content: "A greeting." },
          { role: "user", content: "?" },
        ],
      }),
    );
    expect(model.asked[0]!.prompt).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", name: "Ada", content: "Hi" },
      { role: "assistant", content: "Hello", reasoning_content: "A greeting." },
      { role: "user", content: "?" },
    ]);
  });

  it("has thoughts apart from the text, whole and streamed", async () => {
    const handler = createHandler(
      new ScriptedModel(() => ["<thi", "nk>\nHm", "m.\n</think>", "\n\nYes", "."]),
    );
    const { json } = await answerTo(handler, post(path, { messages }));
    expect(json.choices[0].message).toEqual({
      role: "assistant",
      content: "Yes.",
      refusal: null,
      reasoning_content: "Hmm.",
    });
    const events = await eventsOf(handler, post(path, { messages, stream: true }));
    expect(deltas(events).map(({ delta }) => delta as object)).toEqual([
      { role: "assistant", content: "" },
      { reasoning_content: "Hm" },
      { reasoning_content: "m." },
      { content: "Yes" },
      { content: "." },
      {},
    ]);
  });
});
