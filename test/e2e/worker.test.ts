// A model in a worker, as the built module gives it to a page: the bits, errors and ends of a Model on the page's own thread.
import { join } from "node:path";
import type { Page } from "puppeteer";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { launchBrowser, type LaunchedBrowser } from "../../src/cli/launch-browser.js";
import { serve, type Server } from "../../src/cli/serve.js";
import { expectBuilt, root } from "./run-start.js";

let server: Server;
let launched: LaunchedBrowser;
let page: Page;

beforeAll(async () => {
  expectBuilt("dist/worker.js", "dist/model-worker.js", "dist/worker/index.d.ts");
  server = await serve({ "/": join(root, "dist") });
  launched = await launchBrowser();
});

beforeEach(async () => {
  await page?.close();
  page = await launched.browser.newPage();
  await page.goto(server.origin);
});

afterAll(async () => {
  await launched?.close();
  await server?.close();
});

/** What a program gives in the page. `weft` and `inWorker` are the two modules, `told` says what an error is. */
async function inPage(program: string): Promise<unknown> {
  return page.evaluate(`(async () => {
    const [weft, inWorker] = await Promise.all([import("/index.js"), import("/worker.js")]);
    const { WorkerModel } = inWorker;
    const folder = "./tinystories-gpt2/";
    const told = (error) => ({ ...error, name: error.name, isWeft: error instanceof weft.WeftError && error instanceof weft[error.name], text: error.message });
    const failing = async (act) => { try { return await act(); } catch (error) { return told(error); } };
    ${program}
  })()`);
}

const workersEnd = (): Promise<void> => vi.waitFor(() => expect(page.workers()).toHaveLength(0), 5000);

/** Ends the worker's script as a defect would. */
async function breakWorker(): Promise<void> {
  await page.workers()[0]!.evaluate("setTimeout(() => { throw new Error('broken on purpose'); }), undefined");
}

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
    await workersEnd();
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
        const model = await kind.load(folder);
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
        const again = await failing(async () => { for await (const step of run) return step; });
        const resumed = [];
        for await (const { step, loss } of model.train(texts, { ...options, resume: checkpoint })) resumed.push([step, loss]);
        const stopping = new AbortController();
        const reason = new Error("enough");
        const aborted = await failing(async () => {
          for await (const { step } of model.train(texts, { ...options, signal: stopping.signal })) stopping.abort(reason);
        });
        const sameReason = await model.forward([[1]], { signal: stopping.signal }).catch(({ cause }) => cause === reason);
        const diverged = await failing(async () => {
          for await (const step of model.train(texts, { ...options, schedule: { peak: 1e30, warmupSteps: 0 } }));
        });
        results.push({ early, steps, again, resumed, aborted, sameReason, diverged, bytes: checkpoint.length });
        await model[Symbol.asyncDispose]();
      }
      return results;
    `)) as Record<string, unknown>[];
    expect(away).toEqual(onPage);
    expect(onPage).toMatchObject({
      early: { name: "ArgumentError", isWeft: true },
      steps: [[1], [2]].map(([step]) => expect.arrayContaining([step]) as unknown),
      again: { name: "ArgumentError", received: '"a second one"' },
      aborted: { name: "CancelledError", isWeft: true },
      sameReason: true,
      diverged: { name: "TrainingError", isWeft: true, step: expect.any(Number) as number },
    });
    expect(onPage!["resumed"]).toHaveLength(2);
  });

  it("fails with the errors of a Model, and with one of its own for what cannot leave the page", async () => {
    const found = (await inPage(`
      const missing = await failing(() => WorkerModel.load("./nowhere/"));
      const gpu = await failing(() => WorkerModel.load(folder, { gpu: navigator.gpu }));
      const cancelled = await failing(() => WorkerModel.load(folder, { signal: AbortSignal.abort("not now") }));
      const hearing = await failing(() => WorkerModel.load(folder, { onProgress() { throw new RangeError("deaf"); } }));
      const model = await WorkerModel.load(folder, { weights: "f16" });
      const ids = await failing(() => model.forward([[1, -5]]));
      const output = await failing(() => model.forward([[1]], { output: "none" }));
      const handle = await failing(() => model.generate("A", { topP: 7 }));
      const method = await failing(() => model.score(["A cat."], { queues: () => 1 }));
      const training = await failing(async () => { for await (const step of model.train([[1, 2]], { steps: 1 })); });
      const works = (await model.score(["A cat."])).length;
      model.dispose();
      model.dispose();
      const disposed = await failing(() => model.forward([[1]]));
      const thrown = await failing(() => { model.generate("A"); });
      const same = Object.keys(inWorker).filter((name) => name.endsWith("Error") && inWorker[name] !== weft[name]);
      return { missing, gpu, cancelled, hearing, ids, output, handle, method, training, works, disposed, thrown, same };
    `)) as Record<string, { text: string }>;
    expect(found).toMatchObject({
      missing: {
        name: "FetchError",
        isWeft: true,
        url: expect.stringMatching(/\/nowhere\/ config\.json$/) as string,
      },
      gpu: { name: "ArgumentError", argument: "gpu" },
      cancelled: { name: "CancelledError", isWeft: true },
      hearing: { name: "RangeError", text: "deaf" },
      ids: { name: "ArgumentError", isWeft: true, argument: "sentences[0][1]", received: "-5" },
      output: { name: "ArgumentError", argument: "output" },
      handle: { name: "ArgumentError", argument: "topP", received: "7" },
      method: { name: "ArgumentError", argument: "an argument of score" },
      training: { name: "ArgumentError", argument: "model" },
      works: 1,
      disposed: { name: "DisposedError", isWeft: true },
      thrown: { name: "DisposedError" },
      same: [],
    });
    await workersEnd();
  });

  it("ends what is running when it is disposed, with what there was, and frees the worker", async () => {
    const found = await inPage(`
      const model = await WorkerModel.load(folder);
      const handle = model.generate("Once upon a time", { maxTokens: 200, stopTokens: [] });
      const pieces = [];
      const reading = failing(async () => { for await (const piece of handle) { pieces.push(piece); if (pieces.length === 3) model.dispose(); } });
      const forward = failing(() => model.forward([[1, 2, 3]]));
      await forward;
      const error = await reading;
      const cause = await handle.then(undefined, (failure) => failure.cause.name);
      await model[Symbol.asyncDispose]();
      return { name: error.name, isWeft: error.isWeft, begins: error.partial.text.startsWith(pieces.join("")), cause,
        tokens: error.partial.tokens.length > 0, stats: (await model.stats()).running };
    `);
    expect(found).toEqual({
      name: "GenerationInterruptedError",
      isWeft: true,
      begins: true,
      cause: "DisposedError",
      tokens: true,
      stats: 0,
    });
    await workersEnd();
  });

  it("tells every caller when its worker breaks", async () => {
    await inPage(`
      const model = await WorkerModel.load(folder);
      const handle = model.generate("Once upon a time", { maxTokens: 200, stopTokens: [] });
      const run = model.train(["Once upon a time there was a cat."], { steps: 1000 });
      const training = failing(async () => { for await (const step of run); });
      const iterating = failing(async () => { for await (const piece of handle); });
      globalThis.outcome = Promise.all([iterating, training, failing(() => handle)]).then(async (running) => {
        const later = await failing(() => model.forward([[1]]));
        const thrown = await failing(() => { model.generate("A"); });
        const stats = await failing(() => model.stats());
        await model[Symbol.asyncDispose]();
        return [...running, later, thrown, stats];
      });
      await new Promise((resolve) => model.watchSteps(resolve));
    `);
    await breakWorker();
    const outcome = (await page.evaluate("outcome")) as object[];
    expect(outcome).toHaveLength(6);
    for (const error of outcome)
      expect(error).toMatchObject({
        name: "WorkerError",
        isWeft: true,
        reason: "failed",
        text: expect.stringMatching(/broken on purpose.*load the model again/) as string,
      });
    await workersEnd();
  });

  it("says when its script cannot be loaded", async () => {
    await page.setRequestInterception(true);
    page.on("request", (request) => {
      if (request.url().endsWith("/model-worker.js")) void request.respond({ status: 404 });
      else void request.continue();
    });
    expect(await inPage("return failing(() => WorkerModel.load(folder));")).toMatchObject({
      name: "WorkerError",
      reason: "failed",
      text: expect.stringMatching(/script could not be loaded/) as string,
    });
    await workersEnd();
  });
});
