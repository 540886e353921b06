// The Vercel AI SDK over a real model, without a server between.
import { generateText, streamText } from "ai";
import { expect, it } from "vitest";
import { createWeft } from "../../src/ai-sdk/index.js";
import { Model } from "../../src/runtime/model.js";
import { repositoryFile } from "../helpers/data-files.js";
import { expectIdle, wait } from "../helpers/tiny-writer.js";

const chatTemplate = "{% for message in messages %}{{ message.content }}{% endfor %}";

it("gets the texts of model.generate, whole, streamed and cut off", async () => {
  await using plain = await Model.load(repositoryFile("src/demo/models/tinystories-gpt2"));
  await using model = await Model.load({ ...(await plain.save()), chatTemplate });
  const weft = createWeft({ models: { stories: model } });
  const prompt = "Once upon a time there was a";
  const expected = await model.chat([{ role: "user", content: prompt }], { seed: 5, maxTokens: 30 });
  const call = { model: weft("stories"), prompt, seed: 5, maxOutputTokens: 30 };
  const whole = await generateText(call);
  expect(whole.text).toBe(expected.text);
  expect(whole.finishReason).toBe(expected.finishReason);
  expect(whole.usage).toMatchObject({
    inputTokens: expected.usage.promptTokens,
    outputTokens: expected.usage.completionTokens,
  });
  let text = "";
  for await (const piece of streamText(call).textStream) text += piece;
  expect(text).toBe(expected.text);

  const leaving = new AbortController();
  const { textStream } = streamText({ ...call, maxOutputTokens: 200, abortSignal: leaving.signal });
  for await (const _ of textStream) leaving.abort();
  while (model.stats().running > 0) await wait(1);
  expectIdle(model);
});
