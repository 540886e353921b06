// POST /v1/completions, whole and in chunks.
import { describe, expect, it } from "vitest";
import { createHandler } from "../../../src/openai/index.js";
import { answerTo, eventsOf, post, type Json } from "../../helpers/api-calls.js";
import { ScriptedModel } from "../../helpers/scripted-model.js";

const path = "/v1/completions";
const echo = (): ScriptedModel =>
  new ScriptedModel(({ prompt, options }) => [
    "<",
    (prompt as string | number[]).toString(),
    ">",
    String(options.seed ?? ""),
  ]);

describe("completions", () => {
  it("continue a text", async () => {
    const model = new ScriptedModel(() => [" up", "on a time"]);
    const { json } = await answerTo(createHandler({ m: model }), post(path, { model: "m", prompt: "Once" }));
    expect(json).toEqual({
      id: expect.stringMatching(/^cmpl-/) as string,
      object: "text_completion",
      created: expect.any(Number) as number,
      model: "m",
      choices: [{ index: 0, text: " upon a time", logprobs: null, finish_reason: "stop" }],
      usage: { prompt_tokens: 4, completion_tokens: 12, total_tokens: 16 },
    });
    // OpenAI's default.
    expect(model.asked[0]).toMatchObject({ prompt: "Once", options: { maxTokens: 16 } });
  });

  it("take several prompts, texts and tokens, with n texts for each in their order", async () => {
    const body = { prompt: ["ab", [1, 2, 3]], n: 2, seed: 5 };
    const { json } = await answerTo(createHandler(echo()), post(path, body));
    expect(json.choices.map(({ index, text }: Json) => [index as number, text as string])).toEqual([
      [0, "<ab>5"],
      [1, "<ab>6"],
      [2, "<1,2,3>5"],
      [3, "<1,2,3>6"],
    ]);
    expect(json.usage.prompt_tokens).toBe(5);
    const one = await answerTo(createHandler(echo()), post(path, { prompt: [7, 8] }));
    expect(one.json.choices).toHaveLength(1);
    expect(one.json.choices[0].text).toBe("<7,8>");
  });

  it("are streamed, with the reason to end in the last chunk of each", async () => {
    const body = { prompt: ["a", "b"], stream: true, stream_options: { include_usage: true } };
    const events = await eventsOf(createHandler(echo()), post(path, body));
    expect(events.pop()!.data).toBe("[DONE]");
    expect(events.pop()!.data).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 2, completion_tokens: 6 },
    });
    for (const index of [0, 1]) {
      const own = events
        .flatMap(({ data }) => data.choices as Json[])
        .filter((choice) => choice.index === index);
      expect(own.map(({ text }) => text as string).join("")).toBe(["<a>", "<b>"][index]);
      expect(own.map((choice) => choice.finish_reason as unknown)).toEqual(
        [null, null, null, null, "stop"].slice(-own.length),
      );
    }
  });

  it("leave tags of thoughts and calls in the text", async () => {
    const text = "<think>x</think><tool_call>{}</tool_call>";
    const handler = createHandler(new ScriptedModel(() => [text], { template: "<tool_call>" }));
    const { json } = await answerTo(handler, post(path, { prompt: "a", max_tokens: 99 }));
    expect(json.choices[0].text).toBe(text);
  });

  it("have log-probabilities in the older shape", async () => {
    const { json } = await answerTo(
      createHandler(new ScriptedModel(() => ["a", "b"])),
      post(path, { prompt: "x", logprobs: 0 }),
    );
    expect(json.choices[0].logprobs).toEqual({
      tokens: ["a", "b"],
      token_logprobs: [-0.097, -0.098],
      top_logprobs: null,
      text_offset: [0, 1],
    });
  });

  it.each<[string, unknown]>([
    ["echo", true],
    ["suffix", "the end"],
    ["best_of", 3],
    ["logprobs", 2],
    ["prompt", []],
    ["prompt", [["a"]]],
    ["prompt", [1, "a"]],
    ["prompt", [-1]],
    ["prompt", null],
    ["n", 300],
  ])("refuse %s %j by name", async (param, value) => {
    const { status, json } = await answerTo(
      createHandler(echo()),
      post(path, { prompt: "a", [param]: value }),
    );
    expect(status).toBe(400);
    expect(json.error).toMatchObject({ type: "invalid_request_error", param });
  });
});
