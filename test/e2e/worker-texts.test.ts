// Calls about texts to a model in a worker, as the built module gives it to a page: the results of a Model on the page's own thread.
import { describe, expect, it } from "vitest";
import { inPage, useWorkerPage } from "./worker-page.js";

useWorkerPage();

describe("texts that a model in a worker is asked about", () => {
  it("have the vectors, labels and order of a Model on the page's thread, while others generate", async () => {
    const [onPage, away] = (await inPage(`
      const bits = (array) => [...new Uint32Array(array.buffer, array.byteOffset, array.length)];
      const results = [];
      const texts = ["the sea", ["the dog", "ran fast"], [2, 68, 3], { ids: [2, 68, 3, 68, 3], tokenTypes: [0, 0, 0, 1, 1] }, "the sea"];
      const documents = ["the sea is blue", "the dog ran very fast!", ""];
      for (const kind of [weft.Model, WorkerModel]) {
        const encoder = await kind.load("./encoders/bert-mean-dense-normalize/");
        const cross = await kind.load("./encoders/bert-cross-encoder/");
        const writer = await kind.load(folder);
        const progress = [];
        const onProgress = ({ done, total }) => progress.push(done + "/" + total);
        const handle = encoder.embed(texts, { onProgress });
        const iterated = [];
        for await (const { index, vector } of handle) iterated.push([index, bits(vector)]);
        const { vectors, ...counts } = await handle;
        const stopping = new AbortController();
        const many = Array.from({ length: 1300 }, (_, index) => "the sea is " + [...String(index)].map((digit) => "abcdefghij"[digit]).join(" "));
        const running = encoder.embed(many, { signal: stopping.signal });
        stopping.abort("enough");
        const left = encoder.embed(many);
        for await (const { index } of left) break;
        const [ranked, labels, mood, story] = await Promise.all([
          cross.rerank("who ran fast?", documents, { topK: 2, onProgress }),
          cross.classify(texts),
          writer.decide("The dog was lost. He felt", [{ answers: [" sad", " happy"] }]),
          writer.generate("Once upon a time", { temperature: 0, maxTokens: 10 }),
        ]);
        // Requests of a decision take no ids of those that callers hold.
        const after = await writer.generate("Once upon a time", { temperature: 0, maxTokens: 3 });
        results.push({
          after: after.text,
          iterated,
          shared: vectors[0] === vectors[4],
          vectors: vectors.map(bits),
          counts,
          handles: [handle instanceof weft.EmbeddingHandle, handle instanceof weft.ResultHandle],
          progress,
          cancelled: await failing(async () => running),
          left: (await failing(async () => left)).name,
          ranked,
          labels: labels.map(({ logits, ...own }) => [own, bits(logits)]),
          mood,
          story: story.text,
          noMask: await failing(() => cross.fillMask(["the sea"])),
          unknown: await failing(() => cross.rerank("a", ["b"], { top_k: 1 })),
          bad: await failing(async () => encoder.embed(["fine", [9999]])),
          badSignal: await failing(async () => encoder.embed(["a"], { signal: {} })),
          badProgress: await failing(() => cross.rerank("a", ["b"], { onProgress: 1 })),
          none: await failing(async () => encoder.embed([])),
          asTokens: await failing(() => cross.classify(["a"], { tokens: true })),
        });
        for (const model of [encoder, cross, writer]) await model[Symbol.asyncDispose]();
      }
      return results;
    `)) as Record<string, unknown>[];
    expect(away).toEqual(onPage);
    expect(onPage).toMatchObject({
      badSignal: { text: expect.stringMatching(/^signal: expected an AbortSignal/) as string },
      badProgress: { text: expect.stringMatching(/^onProgress: expected a function/) as string },
      none: { text: expect.stringMatching(/^texts: expected a non-empty array of texts/) as string },
      shared: true,
      handles: [true, true],
      progress: ["5/5", "3/3"],
      counts: { tokens: expect.any(Number) as number, truncated: [] },
      cancelled: { name: "CancelledError", isWeft: true },
      left: "CancelledError",
      noMask: { name: "ArgumentError", isWeft: true },
      unknown: { text: expect.stringMatching(/Perhaps topK was meant/) as string },
      bad: { text: expect.stringMatching(/texts\[1\]\[0\]: expected a token id/) as string },
      asTokens: { text: expect.stringMatching(/tokens: expected false/) as string },
    });
    expect(onPage!["ranked"]).toHaveLength(2);
  });
});
