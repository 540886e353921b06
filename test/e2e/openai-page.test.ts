// OpenAI's API within a page, as the built module gives it: over a Model on the page's thread, and over one in a worker.
import { describe, expect, it } from "vitest";
import { inPage, useWorkerPage } from "./worker-page.js";

useWorkerPage();

describe("OpenAI's API in a page", () => {
  it("answers the same over a model in a worker as over one on the page's thread, and ends what is aborted", async () => {
    const [onPage, away] = (await inPage(`
      const { createHandler, toFetch } = await import("/openai.js");
      const results = [];
      for (const kind of [weft.Model, WorkerModel]) {
        const model = await kind.load(folder);
        const ask = toFetch(createHandler({ stories: model }));
        const post = (body, init) => ask("http://weft/v1/completions", {
          method: "POST",
          body: JSON.stringify({ model: "stories", prompt: ["Once upon a time", "The cat"], seed: 3, n: 2, max_tokens: 20, ...body }),
          ...init,
        });
        const { choices, usage } = await (await post({})).json();
        const streamed = choices.map(() => "");
        for (const event of (await (await post({ stream: true })).text()).split("\\n\\n").filter(Boolean))
          if (event !== "data: [DONE]")
            for (const { index, text } of JSON.parse(event.slice(6)).choices) streamed[index] += text;
        const alone = await model.generate("The cat", { seed: 4, maxTokens: 20 });
        const leaving = new AbortController();
        const left = failing(() => post({ max_tokens: 200 }, { signal: leaving.signal }));
        while ((await model.stats()).running < 4) await new Promise((resolve) => setTimeout(resolve, 5));
        leaving.abort();
        const { name } = await left;
        while ((await model.stats()).running > 0) await new Promise((resolve) => setTimeout(resolve, 5));
        const { cachePages, freePages } = await model.stats();
        const refused = await post({ prompt: "word ".repeat(300) });
        results.push({
          texts: choices.map(({ text }) => text),
          usage,
          streamed,
          alone: alone.text,
          left: name,
          isFree: cachePages === freePages,
          refused: [refused.status, (await refused.json()).error.code],
        });
        await model[Symbol.asyncDispose]();
      }
      return results;
    `)) as Record<string, unknown>[];
    expect(away).toEqual(onPage);
    expect(onPage).toMatchObject({
      streamed: onPage!["texts"],
      left: "AbortError",
      isFree: true,
      refused: [400, "context_length_exceeded"],
    });
    expect((onPage!["texts"] as string[])[3]).toBe(onPage!["alone"]);
  });
});
