// A model in a worker, as the built module gives it to a page: the bits of a Model on the page's own thread.
import { describe, expect, it } from "vitest";
import { inPage, page, uncaught, useWorkerPage } from "./worker-page.js";

useWorkerPage();

describe("a model in a worker", () => {
  it("gives the bits of a Model on the page's thread", async () => {
    const [onPage, away] = (await inPage(`
      const sentences = [[1, 2, 3], [40], Uint32Array.of(5, 6, 7, 8, 9)];
      const messages = [{ role: "user", content: "Hello" }];
      const bits = (arrays) => arrays.map((array) => [...new Uint32Array(array.buffer)]);
      const results = [];
      for (const kind of [weft.Model, WorkerModel]) {
        const model = await kind.load(new URL(folder, document.baseURI), { queues: 2 });
        const all = await model.forward(sentences, { output: "all", trace: true });
        const scores = await model.score(["Once upon a time", [1, 2, 3]]);
        const texts = await Promise.all(model.generate(["The cat", [5, 6]], { seed: 3, maxTokens: 12, logProbabilities: true }));
        const { config, weights } = await model.save();
        const { loadMs, ...info } = model.info;
        results.push({
          info,
          last: bits((await model.forward(sentences)).logits),
          all: bits(all.logits),
          problems: weft.validateTrace(all.trace),
          hidden: bits((await model.forward(sentences, { output: "hidden", queues: 1, sliceTokens: 2 })).hidden),
          scores: scores.map(({ tokens, logProbabilities, perplexity }) => [tokens, bits([logProbabilities]), perplexity]),
          scored: scores.stats.tokens,
          texts: texts.map(({ timings, ...text }) => text),
          chat: await failing(() => model.chat(messages)),
          ids: await model.encode("Once upon a time"),
          text: await model.decode([1, 2, 3]),
          config,
          weights: await crypto.subtle.digest("SHA-256", weights).then((hash) => [...new Uint8Array(hash)]),
          stats: { ...(await model.stats()), steps: 0, dispatches: 0 },
          buffers: (await model.memory()).map(({ buffers }) => buffers > 0),
        });
        await model[Symbol.asyncDispose]();
        results.at(-1).left = (await model.memory()).map(({ buffers, bytes }) => [buffers, bytes]);
      }
      return results;
    `)) as Record<string, unknown>[];
    expect(away).toEqual(onPage);
    expect(onPage).toMatchObject({
      problems: [],
      buffers: [true, true],
      scored: expect.any(Number) as number,
    });
    expect(away!["left"]).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it("remembers in the page's storage what it has measured, as a Model does", async () => {
    const [first, second, onPage] = (await inPage(`
      const figures = [];
      for (const kind of [WorkerModel, WorkerModel, weft.Model]) {
        const model = await kind.load(folder, { tune: true, queues: 1 });
        const { linear, attention } = model.info.kernels;
        figures.push([linear.few, linear.many, attention.few, attention.many].map(({ microseconds }) => microseconds));
        await model[Symbol.asyncDispose]();
      }
      return figures;
    `)) as Record<string, number>[][];
    // Each load measures what there was no time for before. Another measurement of the same would give another figure.
    expect(second).toMatchObject(first!);
    expect(onPage).toMatchObject(second!);
    expect(Object.keys(first![0]!)).not.toEqual([]);
  });

  it("streams pieces, and ends a generation in every way that a handle has", async () => {
    const found = await inPage(`
      // The clock of the worker begins a second after the page's: longer than all of this takes.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const progress = [];
      const model = await WorkerModel.load(folder, { onProgress: ({ phase }) => progress.push(phase) });
      const steps = [];
      const before = performance.now();
      const stop = model.watchSteps((step) => steps.push(step));
      const options = { temperature: 0, maxTokens: 20, stopTokens: [] };
      const handle = model.generate("Once upon a time", options);
      const pieces = [];
      for await (const piece of handle) pieces.push(piece);
      const whole = await handle;
      const after = performance.now();
      stop();
      const streamed = [];
      const stream = model.generate("Once upon a time", options).toReadableStream().getReader();
      for (let part = await stream.read(); !part.done; part = await stream.read()) streamed.push(part.value);
      const long = { ...options, maxTokens: 200 };
      const left = model.generate("The dog", long);
      for await (const piece of left) break;
      const cancelled = model.generate("The dog", long);
      cancelled.cancel();
      const aborting = new AbortController();
      const aborted = model.generate("The dog", { ...long, signal: aborting.signal });
      for await (const piece of aborted) { aborting.abort(); }
      const never = await model.generate("The dog", { ...long, signal: AbortSignal.abort() });
      const order = [];
      const batch = model.generate(["A", "The dog went to the"], { ...options, maxTokens: 6 });
      for await (const { index, status } of batch.asCompleted()) order.push([index, status]);
      const watched = steps.length;
      const times = steps.flatMap(({ encodedMs, submittedMs, doneMs }) => [encodedMs, submittedMs, doneMs]);
      const stats = await model.stats();
      model.dispose();
      return {
        progress: [progress[0], progress.at(-1)],
        same: [pieces.join("") === whole.text, streamed.join("") === whole.text, handle instanceof weft.GenerationHandle],
        parts: pieces.length,
        requests: [...new Set(steps.flatMap(({ parts }) => parts.map(({ request }) => request)))],
        id: handle.id,
        watched,
        onClock: times.every((time) => time > before && time < after),
        reasons: await Promise.all([left, cancelled, aborted]).then((ended) => ended.map(({ finishReason, tokens }) => [finishReason, tokens.length < 200])),
        never: [never.finishReason, never.tokens.length],
        order: order.map(([index, status]) => index + status).sort(),
        running: stats.running + stats.waiting,
      };
    `);
    expect(found).toEqual({
      progress: ["download", "ready"],
      same: [true, true, true],
      parts: expect.any(Number) as number,
      requests: [1],
      id: 1,
      watched: expect.any(Number) as number,
      onClock: true,
      reasons: [
        ["abort", true],
        ["abort", true],
        ["abort", true],
      ],
      never: ["abort", 0],
      order: ["0fulfilled", "1fulfilled"],
      running: 0,
    });
    expect((found as { parts: number }).parts).toBeGreaterThan(5);
    expect((found as { watched: number }).watched).toBeGreaterThan(19);
  });

  it("trains as a Model does: step by step, with checkpoints, and what is asked in between", async () => {
    const [onPage, away] = (await inPage(`
      const texts = ["Once upon a time there was a cat.", "The dog was happy.", "The sun was warm."];
      const results = [];
      for (const kind of [weft.Model, WorkerModel]) {
        const model = await kind.load(folder, { weights: "f32" });
        const options = { steps: 4, batchTokens: 16, validation: { sentences: ["The cat was happy."], every: 2 } };
        const run = model.train(texts, options);
        const steps = [];
        let checkpoint;
        const early = await failing(() => run.checkpoint());
        for await (const { step, loss, gradientNorm, validationLoss } of run) {
          const [score] = await model.score(["The cat was happy."]);
          steps.push([step, loss, gradientNorm, validationLoss, score.sum]);
          if (step === 2) { checkpoint = await run.checkpoint(); break; }
        }
        const late = await failing(() => run.checkpoint());
        const again = await failing(async () => { for await (const step of run) return step; });
        const resumed = [];
        for await (const { step, loss } of model.train(texts, { ...options, resume: checkpoint })) resumed.push([step, loss]);
        const stopping = new AbortController();
        const reason = new Error("enough");
        const aborted = await failing(async () => {
          for await (const { step } of model.train(texts, { ...options, signal: stopping.signal })) stopping.abort(reason);
        });
        const leaving = new AbortController();
        // A step of many batches, so that it is well under way.
        const within = await failing(async () => {
          setTimeout(() => leaving.abort(), 30);
          for await (const step of model.train(texts, { ...options, steps: 1, accumulate: 60, signal: leaving.signal })) return step;
        });
        const sameReason = await model.forward([[1]], { signal: stopping.signal }).catch(({ cause }) => cause === reason);
        const diverged = await failing(async () => {
          for await (const step of model.train(texts, { ...options, schedule: { peak: 1e30, warmupSteps: 0 } }));
        });
        results.push({ early, steps, late, again, resumed, aborted, within, sameReason, diverged, bytes: checkpoint.length });
        await model[Symbol.asyncDispose]();
      }
      return results;
    `)) as Record<string, unknown>[];
    expect(away).toEqual(onPage);
    expect(onPage).toMatchObject({
      early: { name: "ArgumentError", isWeft: true },
      late: { name: "ArgumentError", isWeft: true },
      steps: [[1], [2]].map(([step]) => expect.arrayContaining([step]) as unknown),
      again: { name: "ArgumentError", received: '"a second one"' },
      aborted: { name: "CancelledError", isWeft: true },
      within: { name: "CancelledError", isWeft: true },
      sameReason: true,
      diverged: { name: "TrainingError", isWeft: true, step: expect.any(Number) as number },
    });
    expect(onPage!["resumed"]).toHaveLength(2);
  });

  it("leaves to the page what it passed", async () => {
    const left = await inPage(`
      const config = await (await fetch(folder + "config.json")).json();
      const weights = await (await fetch(folder + "model.safetensors")).arrayBuffer();
      const model = await WorkerModel.load({ config, weights }, { weights: "f32" });
      const ids = Uint32Array.of(1, 2, 3);
      await model.forward([ids]);
      await model.score([ids]);
      await model.generate(ids, { maxTokens: 2 });
      let checkpoint;
      const run = model.train([ids], { steps: 2 });
      for await (const { step } of run) if (step === 1) checkpoint = await run.checkpoint();
      const size = checkpoint.length;
      for await (const step of model.train([ids], { steps: 2, resume: checkpoint }));
      await model[Symbol.asyncDispose]();
      return [ids.length, weights.byteLength > 0, size > 0 && checkpoint.length === size];
    `);
    expect(left).toEqual([3, true, true]);
  });

  it("calls a watcher no more once the watch has ended, and has what it throws be heard of", async () => {
    const found = await inPage(`
      const model = await WorkerModel.load(folder);
      const options = { maxTokens: 60, stopTokens: [] };
      let heard = 0;
      const stop = model.watchSteps(() => {
        heard++;
        // Meanwhile the worker sends more.
        for (const end = performance.now() + 300; performance.now() < end; );
        stop();
      });
      model.watchSteps(() => { throw new RangeError("blind"); });
      const { tokens } = await model.generate("The dog", options);
      const { steps } = await model.stats();
      await model[Symbol.asyncDispose]();
      return { heard, tokens: tokens.length, steps: steps > 1 };
    `);
    expect(found).toEqual({ heard: 1, tokens: 60, steps: true });
    expect(uncaught.splice(0)).toEqual([expect.stringMatching(/RangeError: blind/)]);
  });

  it("names handles in watched steps, whatever became of those before", async () => {
    const found = await inPage(`
      const model = await WorkerModel.load(folder);
      const watched = new Set();
      model.watchSteps(({ parts }) => { for (const { request } of parts) watched.add(request); });
      const options = { maxTokens: 2 };
      const bad = [model.generate("A", { topP: 7 }), model.generate("A", { stop: () => "." }), ...model.generate(["A", () => "B"], options)];
      const good = model.generate("The dog", options);
      const ended = await Promise.allSettled([...bad, good]);
      await model[Symbol.asyncDispose]();
      return { ids: [...bad, good].map(({ id }) => id), watched: [...watched].sort(), ended: ended.map(({ reason }) => reason?.argument ?? "none") };
    `);
    expect(found).toEqual({
      ids: [1, 2, 3, 4, 5],
      watched: [3, 5],
      ended: ["topP", "an argument of generate", "none", "an argument of generate", "none"],
    });
  });

  it("hands results over, and has what comes up together in one message", async () => {
    await inPage("globalThis.model = await WorkerModel.load(folder);");
    // For every message: its replies, and the bytes of what was handed over that the worker still holds.
    await page.workers()[0]!.evaluate(`
      globalThis.messages = [];
      const post = globalThis.postMessage;
      globalThis.postMessage = (replies, transfer) => {
        post(replies, transfer);
        messages.push({ replies: replies.length, left: transfer.map(({ byteLength }) => byteLength) });
      };
      undefined`);
    const pieces = (await inPage(`
      await model.forward([[1, 2], [3]]);
      const texts = model.generate(Array.from({ length: 8 }, (_, index) => [index + 1]), { maxTokens: 12, stopTokens: [] });
      const counts = texts.map(async (text) => { let count = 0; for await (const piece of text) count++; return count; });
      return (await Promise.all(counts)).reduce((sum, count) => sum + count);
    `)) as number;
    const messages = (await page.workers()[0]!.evaluate("messages")) as {
      readonly replies: number;
      readonly left: readonly number[];
    }[];
    expect(messages[0]).toEqual({ replies: 1, left: [0, 0] });
    expect(messages.reduce((sum, { replies }) => sum + replies, 0)).toBe(1 + pieces + 8);
    expect(messages.length).toBeLessThan(pieces / 3);
    await page.evaluate("model[Symbol.asyncDispose]()");
  });

  it("keeps nothing of what has ended", async () => {
    const buffers = await inPage(`
      globalThis.model = await WorkerModel.load(folder, { weights: "f32" });
      model.watchSteps(() => undefined)();
      await model.generate("The dog", { maxTokens: 3 });
      for await (const piece of model.generate("The dog")) break;
      const texts = ["Once upon a time."];
      const count = async () => (await model.memory()).map(({ buffers }) => buffers);
      for await (const step of model.train(texts, { steps: 1 }));
      const before = await count();
      for await (const step of model.train(texts, { steps: 9 })) break;
      await failing(async () => { for await (const step of model.train(texts, { steps: 9, schedule: { peak: 1e30, warmupSteps: 0 } })); });
      await failing(async () => { for await (const step of model.train(texts, { steps: 0 })); });
      model.train(texts, { steps: 1 }); // nobody asks for its steps
      return [before, await count()];
    `);
    expect((buffers as unknown[])[1]).toEqual((buffers as unknown[])[0]);
    const { client } = page.workers()[0]!;
    /** How many live objects of a class the worker has. */
    const count = async (name: string): Promise<unknown> => {
      const { result: prototype } = await client.send("Runtime.evaluate", {
        expression: `import("/index.js").then((weft) => ({ ...weft, AbortController }).${name}.prototype)`,
        awaitPromise: true,
      });
      const { objects } = await client.send("Runtime.queryObjects", {
        prototypeObjectId: prototype.objectId!,
      });
      const { result } = await client.send("Runtime.callFunctionOn", {
        functionDeclaration: "function () { return this.length; }",
        objectId: objects.objectId!,
        returnByValue: true,
      });
      return result.value;
    };
    // Every call has an AbortController. The model has one to end a recovery by, and the worker one to end a load by; and the page
    // hears of recoveries by a call.
    const classes = ["Model", "TrainingRun", "GenerationHandle", "AbortController"];
    expect(await Promise.all(classes.map(count))).toEqual([1, 0, 0, 3]);
    await page.evaluate("model[Symbol.asyncDispose]()");
  });
});
