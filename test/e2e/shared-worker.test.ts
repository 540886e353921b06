// One model for all tabs: pages that load by the same name share a worker, and each is told its own.
import type { Page } from "puppeteer";
import { afterEach, describe, expect, it } from "vitest";
import { inPage, openPage, page, useWorkerPage } from "./worker-page.js";

useWorkerPage();

const others: Page[] = [];
afterEach(async () => {
  for (const other of others.splice(0)) if (!other.isClosed()) await other.close();
});

async function another(): Promise<Page> {
  const opened = await openPage();
  others.push(opened);
  return opened;
}

/** Loads the shared model on a page, as its `model`. */
const load = (on: Page, more = ""): Promise<unknown> =>
  inPage(
    `globalThis.model = await WorkerModel.load(folder, { shared: "stories" ${more} });
     if (model.info.sharedBy !== "worker") throw new Error("another way");
     return model.info.loadMs;`,
    on,
  );

/** Writes two texts, and looks at the steps meanwhile. */
const write = (on: Page, seed: number): Promise<unknown> =>
  inPage(
    `
    const requests = new Set();
    const stop = model.watchSteps(({ parts }) => { for (const { request } of parts) requests.add(request); });
    const handles = [1, 2].map((at) => model.generate("Once upon a time", { maxTokens: 24, seed: ${seed} * at }));
    const texts = (await Promise.all(handles)).map(({ text }) => text);
    stop();
    requests.delete(0); // of the other page
    return { texts, own: [...requests].sort().join() === handles.map(({ id }) => id).sort().join() };
  `,
    on,
  );

describe("a shared model", () => {
  it("is one for all pages, with the texts and steps of each, until the last has left", async () => {
    const second = await another();
    const [first, same] = await Promise.all([load(page), load(second)]);
    expect(same).toBe(first); // loaded once
    const together = await Promise.all([write(page, 1), write(second, 10)]);
    const alone = [await write(page, 1), await write(second, 10)];
    expect(together).toEqual(alone);
    expect(together).toMatchObject([{ own: true }, { own: true }]);

    // What a page has asked for ends with it: disposed of, or closed.
    await inPage(
      `globalThis.writing = failing(() => model.generate("A", { maxTokens: 250, stopTokens: [] }));`,
    );
    const left = await inPage(`model.dispose(); return (await writing).name;`);
    expect(left).toBe("DisposedError");
    expect(
      await inPage(`return (await model.generate("A cat", { maxTokens: 3 })).tokens.length;`, second),
    ).toBe(3);
    expect(await load(page)).toBe(first);
    await inPage(`globalThis.writing = model.generate("A", { maxTokens: 250, stopTokens: [] });`, second);
    await second.close();
    const isFree = `
      for (let times = 0; times < 100; times++) {
        if ((await model.stats()).running === 0) return true;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return false;
    `;
    expect(await inPage(isFree)).toBe(true);
    await inPage(`await model[Symbol.asyncDispose]();`);

    // The worker ends with its last page: the next one loads anew.
    await inPage(`await new Promise((resolve) => setTimeout(resolve, 300));`);
    expect(await load(page)).not.toBe(first);
    await inPage(`await model[Symbol.asyncDispose]();`);
  });

  it("has the source and options of the first page, and fails for each that asks for others", async () => {
    const second = await another();
    await load(page);
    expect(
      await inPage(
        `return failing(() => WorkerModel.load(folder, { shared: "stories", weights: "f16" }));`,
        second,
      ),
    ).toMatchObject({
      name: "ArgumentError",
      argument: "shared",
    });
    expect(
      await inPage(`return failing(() => WorkerModel.load("./nowhere/", { shared: "other" }));`, second),
    ).toMatchObject({
      name: "FetchError",
    });
    // One that gives up does not end the load of others.
    const begun = inPage(
      `const stopping = new AbortController();
       const loading = failing(() => WorkerModel.load(folder, { shared: "third", signal: stopping.signal }));
       setTimeout(() => stopping.abort(), 30);
       return (await loading).name;`,
      second,
    );
    const whole = inPage(
      `const own = await WorkerModel.load(folder, { shared: "third" });
       const { text } = await own.generate("A cat", { maxTokens: 3 });
       await own[Symbol.asyncDispose]();
       return text.length > 0;`,
    );
    expect(await begun).toBe("CancelledError");
    expect(await whole).toBe(true);
    await inPage(`await model[Symbol.asyncDispose]();`);
  });
});
