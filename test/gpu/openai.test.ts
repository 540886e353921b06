// OpenAI's API over a real model: its answers are those of model.generate, and who leaves gives its memory back.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createHandler, type Handler } from "../../src/openai/index.js";
import { Model } from "../../src/runtime/model.js";
import { answerTo, eventsOf, get, post, type Json } from "../helpers/api-calls.js";
import { repositoryFile } from "../helpers/data-files.js";
import { clientOf } from "../helpers/openai-client.js";
import { expectIdle, wait } from "../helpers/tiny-writer.js";
import { WatchedGpu } from "../helpers/watched-gpu.js";

const chatTemplate =
  "{% for message in messages %}{{ message.content }} {% endfor %}{% if tools %}{{ tools | length }} tools.{% endif %}";

let model: Model;
let handler: Handler;
beforeAll(async () => {
  const folder = repositoryFile("src/demo/models/tinystories-gpt2");
  model = await Model.load(folder, { queues: 1, maxConcurrentRequests: 16 });
  handler = createHandler({ stories: model });
});
afterAll(async () => model[Symbol.asyncDispose]());

const completions = "/v1/completions";
const sampling = { temperature: 0.8, top_p: 0.9, frequency_penalty: 0.2, max_tokens: 24 };
const own = { temperature: 0.8, topP: 0.9, frequencyPenalty: 0.2, maxTokens: 24 };

describe("a model that is served", () => {
  it("writes what model.generate writes, whole and streamed, token for token", async () => {
    const prompts = ["Once upon a time", "The little dog"];
    const expected = await Promise.all(
      prompts.flatMap((prompt) =>
        [3, 4].map((seed) => model.generate(prompt, { ...own, seed, logProbabilities: true })),
      ),
    );
    const texts = expected.map(({ text }) => text);
    const body = { model: "stories", prompt: prompts, n: 2, seed: 3, ...sampling };
    const { json } = await answerTo(handler, post(completions, { ...body, logprobs: 0 }));
    expect(json.choices.map(({ text }: Json) => text as string)).toEqual(texts);
    for (const [index, { tokens, logProbabilities }] of expected.entries()) {
      const { logprobs } = json.choices[index];
      expect(logprobs.token_logprobs).toEqual(logProbabilities);
      expect(await Promise.all(tokens.map((token) => model.decode([token])))).toEqual(logprobs.tokens);
    }
    const read = expected[0]!.usage.promptTokens + expected[2]!.usage.promptTokens;
    const written = expected.reduce((sum, { usage }) => sum + usage.completionTokens, 0);
    expect(json.usage).toEqual({
      prompt_tokens: read,
      completion_tokens: written,
      total_tokens: read + written,
    });
    const events = await eventsOf(handler, post(completions, { ...body, stream: true }));
    const streamed = texts.map((_, index) =>
      events
        .flatMap(({ data }) => (data === "[DONE]" ? [] : (data.choices as Json[])))
        .map((choice) => (choice.index === index ? (choice.text as string) : ""))
        .join(""),
    );
    expect(streamed).toEqual(texts);
    expectIdle(model);
  });

  it("writes 16 streams at once, each what it would be alone", async () => {
    const seeds = Array.from({ length: 16 }, (_, index) => index);
    const client = clientOf(handler);
    const streamed = await Promise.all(
      seeds.map(async (seed) => {
        const stream = await client.completions.create({
          model: "stories",
          prompt: "The cat",
          seed,
          max_tokens: 20,
          stream: true,
        });
        let text = "";
        let reason: string | null = null;
        for await (const { choices } of stream)
          for (const choice of choices) {
            text += choice.text;
            reason = choice.finish_reason;
          }
        return { text, reason };
      }),
    );
    for (const seed of seeds) {
      const { text, finishReason } = await model.generate("The cat", { seed, maxTokens: 20 });
      expect(streamed[seed]).toEqual({ text, reason: finishReason });
    }
    expectIdle(model);
  });

  it("gives back the memory of requests that are aborted", async () => {
    const leaving = new AbortController();
    const client = clientOf(handler);
    const long = { model: "stories", max_tokens: 250, logit_bias: { "0": -100 } };
    const gone = Array.from({ length: 4 }, (_, index) =>
      client.completions.create({ ...long, prompt: `The dog ${index}` }, { signal: leaving.signal }).then(
        () => "complete",
        (error: Error) => error.constructor.name,
      ),
    );
    const response = await handler(post(completions, { ...long, prompt: "A bird", stream: true }));
    const reader = response.body!.getReader();
    await reader.read();
    while (model.stats().running < 5) await wait(1);
    expect(model.stats().freePages).toBeLessThan(model.stats().cachePages);
    leaving.abort();
    await reader.cancel();
    expect(await Promise.all(gone)).toEqual(gone.map(() => "APIUserAbortError"));
    while (model.stats().running > 0) await wait(1);
    expectIdle(model);
  });

  it("refuses what the model refuses, with a status of its own", async () => {
    const { status, json } = await answerTo(handler, post(completions, { prompt: "word ".repeat(300) }));
    expect([status, json.error]).toMatchObject([400, { param: "prompt", code: "context_length_exceeded" }]);
    const chat = await answerTo(
      handler,
      post("/v1/chat/completions", { messages: [{ role: "user", content: "Hi" }] }),
    );
    // This model was not trained on conversations.
    expect([chat.status, chat.json.error.param]).toEqual([400, "messages"]);
    const embeddings = await answerTo(handler, post("/v1/embeddings", { input: "Hi" }));
    expect(embeddings.status).toBe(400);
    const rerank = await answerTo(handler, post("/v1/rerank", { query: "Hi", documents: ["a"] }));
    expect(rerank.status).toBe(400);
    expect((await answerTo(handler, get("/health"))).status).toBe(200);
  });

  it("says in /metrics what it has done", async () => {
    const text = await (await handler(get("/metrics"))).text();
    const { generatedTokens, cachePages, freePages } = model.stats();
    const value = (name: string): number =>
      Number(new RegExp(`^${name}\\{[^}]*\\} (.*)$`, "m").exec(text)![1]);
    expect(value("weft:num_requests_running")).toBe(0);
    expect(value("weft:kv_cache_usage_perc")).toBeCloseTo(1 - freePages / cachePages);
    expect(value("weft:generation_tokens_total")).toBeLessThanOrEqual(generatedTokens);
    expect(value("weft:time_to_first_token_seconds_count")).toBeGreaterThan(0);
  });
});

describe("a model with a chat template", () => {
  it("chats as model.chat does, in both of OpenAI's ways", async () => {
    const files = await model.save();
    await using chatting = await Model.load({ ...files, chatTemplate });
    expect(chatting.info.chatTemplate).toBe(chatTemplate);
    const messages = [{ role: "user" as const, content: "Once upon a time there was a" }];
    const expected = await chatting.chat(messages, { temperature: 0, maxTokens: 20 });
    const client = clientOf(createHandler({ stories: chatting }));
    const chat = await client.chat.completions.create({
      model: "stories",
      messages,
      temperature: 0,
      max_completion_tokens: 20,
    });
    expect(chat.choices[0]!.message.content).toBe(expected.text);
    expect(chat.usage).toMatchObject({
      prompt_tokens: expected.usage.promptTokens,
      completion_tokens: expected.usage.completionTokens,
    });
    const response = await client.responses.create({
      model: "stories",
      input: messages[0]!.content,
      temperature: 0,
      max_output_tokens: 20,
    });
    expect(response.output_text).toBe(expected.text);
  });
});

describe("encoders that are served", () => {
  const encoders = "test/fixtures/encoders";

  it("embed and rank as they do by themselves", async () => {
    await using embedder = await Model.load(repositoryFile(`${encoders}/bert-mean-dense-normalize`));
    await using ranker = await Model.load(repositoryFile(`${encoders}/bert-cross-encoder`));
    const both = createHandler({ embedder, ranker });
    const input = ["the sea", "the dog ran fast", "the sea is blue"];
    const expected = await embedder.embed(input);
    // OpenAI's client asks for bytes unless told otherwise, and makes numbers of them.
    for (const format of [{}, { encoding_format: "float" as const }]) {
      const body = { model: "embedder", input, ...format };
      const { data, usage } = await clientOf(both).embeddings.create(body);
      expect(data.map(({ embedding }) => Float32Array.from(embedding))).toEqual(expected.vectors);
      expect(usage).toEqual({ prompt_tokens: expected.tokens, total_tokens: expected.tokens });
    }
    const ids = await embedder.encode("the sea");
    const one = await clientOf(both).embeddings.create({ model: "embedder", input: [ids] });
    expect(Float32Array.from(one.data[0]!.embedding)).toEqual(expected.vectors[0]);
    const query = "who ran fast?";
    const ranked = await ranker.rerank(query, input);
    const { json } = await answerTo(both, post("/v1/rerank", { model: "ranker", query, documents: input }));
    expect(json.results).toEqual(ranked.map(({ index, score }) => ({ index, relevance_score: score })));
    // What it is not made for, it refuses.
    const wrong = await answerTo(both, post("/v1/completions", { model: "embedder", prompt: "the sea" }));
    expect([wrong.status, wrong.json.error.type]).toEqual([400, "invalid_request_error"]);
    const tooLong = await answerTo(
      both,
      post("/v1/embeddings", { model: "embedder", input: "the sea ".repeat(500) }),
    );
    expect([tooLong.status, tooLong.json.error.param]).toEqual([400, "input"]);
  });
});

it("streams go on where they were when the device is lost", async () => {
  const watched = await WatchedGpu.create();
  const folder = repositoryFile("src/demo/models/tinystories-gpt2");
  await using lost = await Model.load(folder, { gpu: watched.gpu, queues: 1 });
  const client = clientOf(createHandler({ stories: lost }));
  const write = async (seed: number, onChunk: () => void): Promise<string> => {
    const stream = await client.completions.create({
      model: "stories",
      prompt: "The cat",
      seed,
      max_tokens: 30,
      stream: true,
    });
    let text = "";
    for await (const { choices } of stream)
      for (const choice of choices) {
        text += choice.text;
        onChunk();
      }
    return text;
  };
  const expected = await Promise.all([1, 2].map((seed) => write(seed, () => undefined)));
  let chunks = 0;
  const lose = (): void => {
    if (++chunks === 12) watched.devices.at(-1)!.destroy();
  };
  expect(await Promise.all([1, 2].map((seed) => write(seed, lose)))).toEqual(expected);
  expect(lost.info.recoveries).toBe(1);
});

it("answers are what their schema allows", async () => {
  const schema = { type: "object", properties: { sum: { type: "boolean" } }, required: ["sum"] };
  // The format is of chats alone, for OpenAI.
  const request = {
    model: "stories",
    prompt: "The cat",
    seed: 5,
    max_tokens: 60,
    response_format: { type: "json_schema", json_schema: { name: "s", schema } },
  };
  const completion = await clientOf(handler).completions.create(request);
  expect(JSON.parse(completion.choices[0]!.text)).toEqual({ sum: expect.any(Boolean) as boolean });
});
