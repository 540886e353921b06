// One model for all tabs in a browser without SharedWorker: one of them has the worker, the others talk to it, and it moves.
import type { Page } from "puppeteer";
import { afterEach, describe, expect, it, vi } from "vitest";
import { inPage, openPage, page, useWorkerPage } from "./worker-page.js";

useWorkerPage();

const others: Page[] = [];
afterEach(async () => {
  for (const other of others.splice(0)) if (!other.isClosed()) await other.close();
});

/** Pages without SharedWorker. The first is `page`, whose worker has to be gone after the test. */
async function openTabs(count: number): Promise<Page[]> {
  const tabs = [page];
  while (tabs.length < count) tabs.push(await openPage());
  others.push(...tabs.slice(1));
  for (const tab of tabs) await tab.evaluate("delete globalThis.SharedWorker");
  return tabs;
}

const options = "{ maxTokens: 250, stopTokens: [] }";
/** Loads the shared model on a page, as its `model`. */
const load = (on: Page, more = ""): Promise<unknown> =>
  inPage(
    `globalThis.model = await WorkerModel.load(folder, { shared: "tabs" ${more} });
     return [model.info.loadMs, model.info.sharedBy];`,
    on,
  );
const dispose = (on: Page): Promise<unknown> => inPage(`await model[Symbol.asyncDispose]();`, on);
const hasWorker = (on: Page): boolean => on.workers().length > 0;

/** Begins to write without end, and waits for the first piece. `writing` is then the outcome, `pieces` what came. */
const beginWriting = (on: Page): Promise<unknown> =>
  inPage(
    `globalThis.pieces = [];
     await new Promise((resolve) => {
       globalThis.writing = failing(async () => {
         for await (const piece of model.generate("Once upon a time", ${options})) { pieces.push(piece); resolve(); }
       });
     });`,
    on,
  );

/** Writes and computes; what comes does not depend on which tab has the worker. Call numbers are the same in every tab. */
const work = (on: Page, seed: number): Promise<unknown> =>
  inPage(
    `const requests = new Set();
     const stop = model.watchSteps(({ parts }) => { for (const { request } of parts) requests.add(request); });
     const handles = [1, 2].map((at) => model.generate("Once upon a time", { maxTokens: 16, seed: ${seed} * at }));
     const texts = (await Promise.all(handles)).map(({ text }) => text);
     stop();
     requests.delete(0); // of other tabs
     const { logits } = await model.forward([[1, 2, ${seed}]], { output: "all" });
     return { texts, logits: [...logits[0]], ids: await model.encode("A cat ${seed}."),
       own: [...requests].sort().join() === handles.map(({ id }) => id).sort().join() };`,
    on,
  );

/** What a model of the page's own gives. */
async function alone(seed: number): Promise<unknown> {
  await inPage(`globalThis.model = await WorkerModel.load(folder);`);
  const found = await work(page, seed);
  await dispose(page);
  return found;
}

const isIdle = (on: Page): Promise<unknown> =>
  inPage(
    `for (let times = 0; times < 200; times++) {
       if ((await model.stats()).running === 0) return true;
       await new Promise((resolve) => setTimeout(resolve, 20));
     }
     return false;`,
    on,
  );

/** What a call fails with. */
const failedWith = (text: RegExp): object => ({
  name: "WorkerError",
  reason: "failed",
  text: expect.stringMatching(text) as string,
});

describe("a model that tabs share without SharedWorker", () => {
  it("is one for all, in the worker of one, and gives each what a model alone gives", async () => {
    const expected = [await alone(3), await alone(11)];
    const [first, second] = (await openTabs(2)) as [Page, Page];
    await inPage(
      `globalThis.heard = new Set();
       new BroadcastChannel("weft tabs tabs").onmessage = ({ data }) => heard.add(Object.keys(data).join());`,
      second,
    );
    const loaded = await Promise.all([load(first), load(second)]);
    expect(loaded[0]).toEqual([expect.any(Number), "tab"]);
    expect(loaded[1]).toEqual(loaded[0]); // loaded once
    expect([first, second].filter(hasWorker)).toHaveLength(1);
    expect(await Promise.all([work(first, 3), work(second, 11)])).toEqual(expected);
    expect(expected).toMatchObject([{ own: true }, { own: true }]);
    // What all hear is who is there, and nothing of what is asked and answered.
    expect(await inPage(`return [...heard].sort();`, second)).toEqual(["host", "session,lock"]);
    await Promise.all([dispose(first), dispose(second)]);
    await vi.waitFor(() => expect([first, second].filter(hasWorker)).toEqual([]), 5000);
  });

  it("ends what a tab has asked for: aborted, disposed of, or closed", async () => {
    const [owner, guest, third] = (await openTabs(3)) as [Page, Page, Page];
    await load(owner);
    for (const tab of [guest, third]) await load(tab);
    expect([owner, guest, third].map(hasWorker)).toEqual([true, false, false]);
    expect(
      await inPage(
        `const stopping = new AbortController();
         const reason = { why: "enough" };
         const handle = model.generate("Once upon a time", ${options.replace("{", "{ signal: stopping.signal,")});
         for await (const piece of handle) { stopping.abort(reason); break; }
         const running = failing(() => model.score(["A cat."], { signal: stopping.signal }));
         return [(await handle).finishReason, (await running).name];`,
        guest,
      ),
    ).toEqual(["abort", "CancelledError"]);
    await beginWriting(guest);
    expect(
      await inPage(`model.dispose(); return [(await writing).name, (await model.memory()).length];`, guest),
    ).toEqual(["DisposedError", 1]);
    await beginWriting(third);
    await third.close();
    expect(await isIdle(owner)).toBe(true);
    // The tab that has the worker may let go of the model, and yet others have it.
    await load(guest);
    await dispose(owner);
    expect(
      await inPage(`return (await model.generate("A cat", { maxTokens: 3 })).tokens.length;`, guest),
    ).toBe(3);
    expect(hasWorker(owner)).toBe(true);
  });

  it("moves to the next tab when its tab is closed: calls fail so that they can be made again, watches go on", async () => {
    const expected = await alone(5);
    const [guest, owner, third] = (await openTabs(3)) as [Page, Page, Page];
    const [before] = (await load(owner)) as [number];
    await load(guest);
    await load(third);
    await inPage(`globalThis.steps = 0; model.watchSteps(() => steps++);`, guest);
    await beginWriting(guest);
    await owner.close();
    await inPage(`await writing;`, guest);
    // Made while nobody has the model. The third tab may not have noticed.
    const [first, second] = await Promise.all([work(guest, 5), work(third, 5).catch(() => work(third, 5))]);
    expect([first, second]).toEqual([expected, expected]);
    expect([guest, third].map(hasWorker)).toEqual([true, false]); // the next in the queue
    expect(
      await inPage(
        `const { name, reason, isWeft, text } = await writing;
         const seen = steps;
         await model.generate("A cat", { maxTokens: 3 });
         return { name, reason, isWeft, text, wrote: pieces.length > 0, watches: seen > 0 && steps > seen, loadMs: model.info.loadMs };`,
        guest,
      ),
    ).toEqual({
      name: "WorkerError",
      reason: "moved",
      isWeft: true,
      text: expect.stringMatching(/Call again/) as string,
      wrote: true,
      watches: true,
      loadMs: expect.not.toSatisfy((loadMs: number) => loadMs === before) as number,
    });
    await dispose(guest);
    await dispose(third);
  });

  it("goes on loading when the tab that loads is closed", async () => {
    const [guest, owner] = (await openTabs(2)) as [Page, Page];
    // It begins, and is then told nothing more.
    await inPage(
      `await new Promise((resolve) => void WorkerModel.load(folder, { shared: "tabs", onProgress: resolve }));`,
      owner,
    );
    const loading = load(guest);
    await owner.close();
    expect(await loading).toEqual([expect.any(Number), "tab"]);
    expect(hasWorker(guest)).toBe(true);
    await dispose(guest);
  });

  it("says that trained weights are gone, and never goes on with those of the file", async () => {
    const [guest, owner] = (await openTabs(2)) as [Page, Page];
    for (const tab of [owner, guest]) await load(tab, `, weights: "f32"`);
    const train = `for await (const step of model.train(["Once upon a time there was a cat."], { steps: 2 }));`;
    await inPage(train, owner);
    await beginWriting(guest);
    await owner.close();
    const failed = {
      name: "WorkerError",
      reason: "failed",
      text: expect.stringMatching(/trained/) as string,
    };
    expect(
      await inPage(`return [await writing, await failing(() => model.encode("A"))];`, guest),
    ).toMatchObject([failed, failed]);
    await dispose(guest);
    expect(await load(guest, `, weights: "f32"`)).toEqual([expect.any(Number), "tab"]);
    await dispose(guest);
  });

  it("fails in the tab whose worker breaks, and goes on in the others", async () => {
    const [owner, guest] = (await openTabs(2)) as [Page, Page];
    await load(owner);
    await load(guest);
    await beginWriting(owner);
    await owner
      .workers()[0]!
      .evaluate("setTimeout(() => { throw new Error('broken on purpose'); }), undefined");
    expect(await inPage(`return writing;`, owner)).toMatchObject({
      name: "WorkerError",
      reason: "failed",
      text: expect.stringMatching(/broken on purpose/) as string,
    });
    expect(await inPage(`return (await model.encode("A cat")).length > 0;`, guest)).toBe(true);
    expect([owner, guest].map(hasWorker)).toEqual([false, true]);
    await dispose(guest);
  });

  it("is given up while it loads, and fails where it can't be loaded, with no worker left", async () => {
    const [tab, other] = (await openTabs(2)) as [Page, Page];
    const given = `const loading = new AbortController();
      return (await failing(() => WorkerModel.load(folder, { shared: "tabs", signal: loading.signal, onProgress: () => loading.abort() }))).name;`;
    expect(await inPage(given, tab)).toBe("CancelledError");
    await vi.waitFor(() => expect(hasWorker(tab)).toBe(false), 5000);
    await tab.setRequestInterception(true);
    tab.on("request", (request) => {
      if (!request.url().endsWith("/model-worker.js")) void request.continue(); // which never comes
    });
    expect(
      await inPage(
        `return (await failing(() => WorkerModel.load(folder, { shared: "tabs", signal: AbortSignal.timeout(300) }))).name;`,
        tab,
      ),
    ).toBe("CancelledError");
    // Nobody waits behind it.
    expect(
      await inPage(`return failing(() => WorkerModel.load("./nowhere/", { shared: "tabs" }));`, other),
    ).toMatchObject({ name: "FetchError" });
    await load(other);
    expect(
      await inPage(
        `return failing(() => WorkerModel.load(folder, { shared: "tabs", weights: "f16" }));`,
        tab,
      ),
    ).toMatchObject({ name: "ArgumentError", argument: "shared" });
    await dispose(other);
    await vi.waitFor(() => expect(hasWorker(other)).toBe(false), 5000);
  });

  it("says when its files cannot be loaded", async () => {
    await openTabs(1);
    await page.setRequestInterception(true);
    let missing = "tab-session.js";
    page.on("request", (request) => {
      if (request.url().endsWith(`/${missing}`)) void request.respond({ status: 404 });
      else void request.continue();
    });
    const fail = `return failing(() => WorkerModel.load(folder, { shared: "tabs" }));`;
    expect(await inPage(fail)).toMatchObject(
      failedWith(/failed: .*tab-session\.js.* all files of the package/),
    );
    await page.reload();
    await page.evaluate("delete globalThis.SharedWorker");
    missing = "model-worker.js";
    expect(await inPage(fail)).toMatchObject(failedWith(/script could not be loaded/));
  });
});
