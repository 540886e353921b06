// How what a page asks of its worker can end: the errors of a Model, cancelled, disposed, the worker or its device broken.
import { describe, expect, it } from "vitest";
import { inPage, page, useWorkerPage } from "./worker-page.js";

useWorkerPage();

/** Ends the worker's script as a defect would. */
async function breakWorker(): Promise<void> {
  await page.workers()[0]!.evaluate("setTimeout(() => { throw new Error('broken on purpose'); }), undefined");
}

/** Loads a model that goes on writing. */
const beginWriting = (): Promise<unknown> =>
  inPage(`
    globalThis.model = await WorkerModel.load(folder);
    const options = { maxTokens: 250, stopTokens: [] };
    globalThis.writing = failing(() => model.generate("Once upon a time", options));
  `);

describe("a model in a worker", () => {
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
  });

  it("is disposed in time, whatever its worker does", async () => {
    await beginWriting();
    await page.workers()[0]!.evaluate("setTimeout(() => { for (;;); }), undefined");
    const found = (await inPage(`
      await new Promise((resolve) => setTimeout(resolve, 100));
      const began = performance.now();
      model.dispose();
      await model[Symbol.asyncDispose]();
      const elapsedMs = performance.now() - began;
      return { elapsedMs, memory: await model.memory(), writing: await writing };
    `)) as { elapsedMs: number };
    expect(found).toMatchObject({ memory: [{ buffers: 0 }], writing: { name: "DisposedError" } });
    expect(found.elapsedMs).toBeLessThan(2000);
  });

  it("says so if its worker has ended by itself", async () => {
    await beginWriting();
    await page.workers()[0]!.evaluate("setTimeout(() => self.close()), undefined");
    const found = await inPage(`
      const { name, text } = await writing;
      const later = await failing(() => model.forward([[1]]));
      await model[Symbol.asyncDispose]();
      return { name, text, later: later.name };
    `);
    expect(found).toEqual({
      name: "WorkerError",
      text: expect.stringMatching(/The model's worker failed: it was ended/) as string,
      later: "WorkerError",
    });
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
      const other = await WorkerModel.load(folder);
      const early = other.generate("Once upon a time"); // its tokenizer has yet to be loaded
      other.dispose();
      const { name: begun } = await failing(() => early);
      return { begun, name: error.name, isWeft: error.isWeft, begins: error.partial.text.startsWith(pieces.join("")), cause,
        tokens: error.partial.tokens.length > 0, stats: (await model.stats()).running };
    `);
    expect(found).toEqual({
      begun: "GenerationInterruptedError",
      name: "GenerationInterruptedError",
      isWeft: true,
      begins: true,
      cause: "DisposedError",
      tokens: true,
      stats: 0,
    });
  });

  it("tells every caller when its worker breaks", async () => {
    await inPage(`
      const model = await WorkerModel.load(folder, { weights: "f32" });
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
  });

  it.each(["never comes", "has come"])(
    "is given up at once while it loads, when its script %s",
    async (how) => {
      if (how === "never comes") {
        await page.setRequestInterception(true);
        page.on("request", (request) => {
          if (!request.url().endsWith("/model-worker.js")) void request.continue();
        });
      }
      const found = await inPage(`
      const loading = new AbortController();
      const { signal } = loading;
      const reason = { why: "left" };
      const onProgress = () => loading.abort(reason);
      if (${how === "never comes"}) setTimeout(onProgress, 50);
      const beganMs = performance.now();
      const error = await WorkerModel.load(folder, { signal, onProgress }).catch((failure) => failure);
      return { ...told(error), sameReason: error.cause === reason, soon: performance.now() - beganMs < 5000 };
    `);
      expect(found).toMatchObject({ name: "CancelledError", isWeft: true, sameReason: true, soon: true });
    },
  );

  it("says in every call that its device was lost, as a Model does", async () => {
    // The worker's own script, and then a way to its devices.
    await page.evaluate(`globalThis.Worker = class extends Worker {
      constructor(url, options) {
        const script = \`import "\${url}";
          globalThis.devices = [];
          const { requestDevice } = GPUAdapter.prototype;
          GPUAdapter.prototype.requestDevice = async function (descriptor) {
            const device = await requestDevice.call(this, descriptor);
            devices.push(device);
            return device;
          };\`;
        super(URL.createObjectURL(new Blob([script], { type: "text/javascript" })), options);
      }
    }; undefined`);
    await inPage(`
      globalThis.model = await WorkerModel.load(folder, { queues: 1, weights: "f32", recover: false });
      const handle = model.generate("Once upon a time", { maxTokens: 200, stopTokens: [] });
      const run = model.train(["Once upon a time there was a cat."], { steps: 1000 });
      globalThis.outcome = Promise.all([
        handle.then(undefined, (error) => ({ ...told(error.cause), by: error.name, isPartial: error.partial.tokens.length < 200 })),
        failing(async () => { for await (const step of run); }),
      ]).then(async ([generation, training]) => ({
        generation,
        training,
        forward: await failing(() => model.forward([[1]])),
        later: await failing(() => model.generate("A")),
        save: await failing(() => model.save()),
      }));
      await new Promise((resolve) => model.watchSteps(resolve));
    `);
    await page.workers()[0]!.evaluate("devices.at(-1).destroy()");
    const outcome = (await page.evaluate("outcome")) as object;
    expect(Object.keys(outcome)).toHaveLength(5);
    for (const error of Object.values(outcome))
      expect(error).toMatchObject({
        name: "DeviceError",
        isWeft: true,
        reason: "lost",
        text: expect.stringMatching(/Queue 0: the GPU device was lost .*Dispose this model/s) as string,
      });
    expect(outcome).toMatchObject({ generation: { by: "GenerationInterruptedError", isPartial: true } });
    // What was disposed is told as such from then on, and figures are still to be had.
    expect(
      await inPage(`
        model[Symbol.dispose]();
        return [await failing(() => model.forward([[1]])), (await model.memory())[0].buffers];
      `),
    ).toMatchObject([{ name: "DisposedError" }, 0]);
  });

  it("ends a training run that is disposed between and within its steps", async () => {
    const found = await inPage(`
      const texts = ["Once upon a time there was a cat.", "The dog was happy."];
      const ends = [];
      for (const delayMs of [undefined, 5]) {
        const model = await WorkerModel.load(folder, { weights: "f32" });
        ends.push(await failing(async () => {
          for await (const { step } of model.train(texts, { steps: 1000 })) {
            if (delayMs === undefined) model.dispose();
            else setTimeout(() => model.dispose(), delayMs);
          }
        }));
        await model[Symbol.asyncDispose]();
        ends.push(await model.memory());
      }
      return ends;
    `);
    const none = [{ buffers: 0, bytes: 0 }];
    const disposed = { name: "DisposedError", isWeft: true };
    expect(found).toMatchObject([1, 2].flatMap(() => [disposed, none]));
  });

  it("rejects nothing that nobody waits for", async () => {
    await inPage(`
      globalThis.model = await WorkerModel.load(folder, { weights: "f32" });
      model.generate("A", { topP: 7 });
      model.generate(["A", "B"], { maxTokens: 200, stopTokens: [] });
      model.chat([{ role: "user", content: "A" }]);
      model.train(["A"], { steps: 0 });
      model.watchSteps(() => undefined);
      const reader = model.generate("The dog", { maxTokens: 200, stopTokens: [] }).toReadableStream().getReader();
      await reader.read();
      globalThis.reading = failing(async () => { while (!(await reader.read()).done); });
    `);
    await breakWorker();
    expect(await page.evaluate("reading")).toMatchObject({ name: "WorkerError", reason: "failed" });
    await page.evaluate("model.dispose()");
  });
});
