// A browser whose GPU process is killed, once in each stage of a model's life: nobody on the page notices but by a pause.
import { expect, it } from "vitest";
import { caseCount } from "../helpers/long-run.js";
import { inPage, page, useWorkerPage } from "./worker-page.js";

useWorkerPage();

/** Works with a model of either class; `atStep` is called after every step of training. */
const work = `
  const work = async (model, atStep) => {
    const stories = Array.from({ length: 16 }, (_, seed) =>
      model.generate("Once upon a time", { maxTokens: 60, seed, temperature: 1, stopTokens: [] }));
    const [scores, texts] = await Promise.all([
      model.score(["The dog was happy.", "A cat sat on the mat."]),
      Promise.all(stories.map(async (story) => { let text = ""; for await (const piece of story) text += piece; return text; })),
    ]);
    const steps = [];
    const run = model.train(["Once upon a time there was a cat.", "The dog was happy."], { steps: 8, seed: 3 });
    for await (const { step, loss } of run) { steps.push([step, loss]); await atStep?.(step); }
    const { weights } = await model.save();
    const digest = await crypto.subtle.digest("SHA-256", weights);
    const all = { scores: scores.map(({ sum }) => sum), texts, steps, weights: [...new Uint8Array(digest)].join() };
    return JSON.stringify(all);
  };
`;

/** How often a browser lets its GPU process crash before it does without one. */
const CRASHES = caseCount({ usual: 1, long: 6 });

it("goes on when the GPU process of its browser is killed", { timeout: 300_000 }, async () => {
  const browser = await page.browser().target().createCDPSession();
  const kill = (): Promise<unknown> =>
    browser.send("Browser.crashGpuProcess" as never).catch(() => undefined);
  const undisturbed = await inPage(`${work}
    globalThis.events = [];
    const options = { queues: 1, weights: "f32" };
    const model = await weft.Model.load(folder, options);
    const expected = await work(model);
    model.dispose();
    return expected;
  `);
  for (let count = 0; count < CRASHES; count++) {
    // A browser that is not given time between two crashes takes them for the page's fault.
    const afterMs = 150 + 613 * count;
    const isWorker = count % 2 === 0;
    const running = inPage(`${work}
      const events = [];
      const options = { queues: 1, weights: "f32", onRecovery: ({ phase, reason }) => events.push(phase + (reason ? ": " + reason.message : "")) };
      const model = await (${isWorker} ? WorkerModel : weft.Model).load(folder, options);
      globalThis.isLoaded = true;
      const result = await work(model);
      const { recoveries } = model.info;
      const [{ buffers }] = await model.memory();
      await model[Symbol.asyncDispose]();
      const [{ buffers: left }] = await model.memory();
      return { result, events, recoveries, isLive: buffers > 0, left };
    `);
    await page.waitForFunction("globalThis.isLoaded");
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await kill();
    const found = await running;
    expect(found).toMatchObject({
      result: undisturbed,
      events: [expect.stringMatching(/^lost/) as string, "recovered"],
      recoveries: 1,
      isLive: true,
      left: 0,
    });
    await page.evaluate("globalThis.isLoaded = false");
    await page.reload();
  }
});
