// The built page as a user meets it: what it shows of a pass, what it writes, what it refuses.
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { source as axeSource } from "axe-core";
import type { ElementHandle } from "puppeteer";
import { describe, expect, it, vi } from "vitest";
import { address, addresses, complaints, countOf, downloads, page, useDemoPage } from "./demo-page.js";
import { root } from "./run-start.js";

useDemoPage();

const textOf = (selector: string): Promise<string> =>
  page.$eval(selector, (element) => (element as HTMLElement).innerText);

/** The id of what has the keyboard. */
const focused = (): Promise<string | undefined> => page.evaluate(() => document.activeElement?.id);

const fill = (name: string, value: string): Promise<void> =>
  page.locator(`[name=${name}]`).setTimeout(5000).fill(value);

/** At once: a locator waits until nothing moves, and texts end meanwhile. */
async function fillWriting(fields: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, value] of Object.entries(fields))
    await page.$eval(
      `#write [name=${name}]`,
      (field, text) => {
        (field as HTMLInputElement).value = text;
        field.dispatchEvent(new Event("input", { bubbles: true }));
      },
      value,
    );
}

/** Waits until so many texts are in each state. */
async function expectStates(all: number, expected: Readonly<Record<string, number>>): Promise<void> {
  await vi.waitFor(
    async () => {
      const states = await page.$$eval(".stream .state", (found) => found.map((own) => own.textContent));
      const counts: Record<string, number> = {};
      for (const state of states) counts[state] = (counts[state] ?? 0) + 1;
      expect(counts).toEqual(expected);
      expect(states).toHaveLength(all);
    },
    { timeout: 30_000, interval: 20 },
  );
}

/** What axe finds that keeps people out, as rule and element. */
async function seriousFindings(): Promise<string[]> {
  await page.evaluate(axeSource);
  const { violations } = (await page.evaluate("axe.run()")) as {
    violations: { id: string; impact: string; nodes: { html: string }[] }[];
  };
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}

/** The labels of the timeline's axis. */
const axis = (): Promise<string[]> =>
  page.$$eval("#timeline >>> svg text[text-anchor=middle].quiet", (ticks) =>
    ticks.map((tick) => tick.textContent),
  );

/** Waits for the words in the status line. */
async function expectStatus(words: string): Promise<void> {
  const condition = `document.getElementById("status").textContent.includes(${JSON.stringify(words)})`;
  await page.waitForFunction(condition, { timeout: 30_000 });
}

async function readDownload(name: string): Promise<string> {
  // The browser reserves the name by an empty file.
  const read = async (): Promise<string> => {
    const content = await readFile(join(downloads, name), "utf8");
    expect(content).not.toBe("");
    return content;
  };
  return vi.waitFor(read, { timeout: 10_000 });
}

describe("the page", () => {
  it("loads nothing of the model before it is asked to", async () => {
    await page.waitForNetworkIdle();
    expect(addresses.filter((own) => own.includes("tinystories"))).toEqual([]);
    expect(await textOf("#run")).toBe("Load the model and run");
    expect(await page.$eval("#results", (element) => (element as HTMLElement).hidden)).toBe(true);
  });

  it("names every control", async () => {
    const unnamed = await page.$$eval("input, select, textarea, button, progress", (controls) =>
      controls
        .filter((control) => {
          const labels = (control as HTMLInputElement).labels ?? [];
          return labels.length === 0 && !control.textContent?.trim() && !control.ariaLabel;
        })
        .map((control) => control.outerHTML),
    );
    expect(unnamed).toEqual([]);
  });

  it("has nothing that axe takes for a serious obstacle, before and after", async () => {
    expect(await seriousFindings()).toEqual([]);
  });

  it("can be cancelled", async () => {
    await page.click("#run");
    await expectStatus("Scoring");
    await page.click("#cancel");
    await expectStatus("Cancelled");
    expect(await page.$eval("#run", (button) => (button as HTMLButtonElement).disabled)).toBe(false);
    await vi.waitFor(async () => expect(await focused()).toBe("run"));
  });

  it("loads, runs and shows the adapter, the figures, the picture and the table", async () => {
    await page.focus("#run");
    await page.keyboard.press("Enter");
    await expectStatus("Done");
    // A button that is disabled meanwhile loses the keyboard, and gets it back.
    await vi.waitFor(async () => expect(await focused()).toBe("run"));
    expect(await textOf("#adapter")).toMatch(/^Runs on \S/);
    expect(await textOf("#figures")).toMatch(/Speed\s+[\d,]+\s.*Trace\s+valid/s);
    expect(await countOf("#sentences tr")).toBe(64);
    expect(await countOf("#timeline >>> svg .attention")).toBeGreaterThan(4);
    expect(await countOf("#timeline >>> svg g > title")).toBeGreaterThan(8);
    // Every token of every sentence, coloured by how little it was expected.
    const pieces = await page.$$eval("#sentences tr:first-child .heat > *", (found) =>
      found.map((piece) => ({ text: piece.textContent, title: (piece as HTMLElement).title })),
    );
    expect(pieces.length).toBeGreaterThan(5);
    expect(pieces.at(-1)!.title).toMatch(/^[\d.]+ %, \d+\.\d\d nats$/);
    expect(await textOf("#sentences tr:first-child .heat")).toBe(pieces.map(({ text }) => text).join(""));
    expect(await seriousFindings()).toEqual([]);
  });

  it("runs again with other choices and the user's own sentences", async () => {
    await page.click("#source-own");
    await fill("lines", "Once upon a time there was a cat\n\nThe dog ran.");
    await fill("sliceTokens", "3");
    await fill("queues", "3");
    await page.select("[name=fence]", "prefix");
    await page.select("[name=placement]", "spread");
    await page.click("#run");
    await page.waitForFunction('document.querySelectorAll("#sentences tr").length === 2', {
      timeout: 30_000,
    });
    await expectStatus("Done");
    expect(await textOf("#sentences")).toContain("The dog ran.");
    const words = "slices of 3 · 4 layers · prefix fence · spread over 3 queues";
    expect(await page.$eval("#timeline >>> svg", (svg) => svg.textContent)).toContain(words);
  });

  it("lets one look into the picture, by keyboard", async () => {
    const whole = await axis();
    await page.focus("#timeline");
    await page.keyboard.press("ArrowRight");
    expect(await textOf("#timeline-note")).toMatch(
      /^Queue 0, segment 0: \d+ tokens of sentences? \d.* [\d.]+ ms, from [\d.]+ to [\d.]+ ms\.$/,
    );
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowDown");
    expect(await textOf("#timeline-note")).toMatch(/^Queue 1, /);
    expect(await countOf("#timeline >>> svg .chosen")).toBe(1);
    await page.keyboard.press("+");
    await vi.waitFor(async () => expect(await axis()).not.toEqual(whole));
    await page.keyboard.press("0");
    await vi.waitFor(async () => expect(await axis()).toEqual(whole));
    await page.keyboard.press("Escape");
    expect(await textOf("#timeline-note")).toMatch(/^Point at a stage/);
  });

  it("lets one look into the picture, by pointer", async () => {
    const whole = await axis();
    expect(await page.$eval("#zoom-whole", (button) => (button as HTMLButtonElement).disabled)).toBe(true);
    await page.click("#zoom-closer");
    await page.click("#zoom-closer");
    await vi.waitFor(async () => expect(await axis()).not.toEqual(whole));
    const zoomed = await axis();
    // What comes first in time need not be in sight when the picture is drawn closer, nor wide enough to point at.
    const picture = (await (await page.$("#timeline"))!.boundingBox())!;
    const stages = await Promise.all(
      (await page.$$("#timeline >>> svg [data-stage]")).map((stage) => stage.boundingBox()),
    );
    const inSight = (at: number): boolean =>
      at > picture.x + 0.2 * picture.width && at < picture.x + 0.8 * picture.width;
    const box = stages.find((own) => own && own.width > 4 && inSight(own.x + own.width / 2))!;
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.move(x, y);
    await vi.waitFor(async () =>
      expect(await textOf("#timeline-note")).toMatch(/^Queue \d, (segment|attention)/),
    );
    await page.mouse.down();
    await page.mouse.move(x - 150, y, { steps: 4 });
    await page.mouse.up();
    await vi.waitFor(async () => expect(await axis()).not.toEqual(zoomed));
    await page.click("#zoom-whole");
    await vi.waitFor(async () => expect(await axis()).toEqual(whole));
    expect(await focused()).toBe("zoom-closer");
  });

  it("runs pass after pass while one watches, with what is changed meanwhile, until paused", async () => {
    await page.click("#watch");
    await expectStatus("pass 2");
    expect(await textOf("#watch")).toBe("Pause");
    await fill("sliceTokens", "5");
    await page.waitForFunction(
      'document.getElementById("timeline").shadowRoot.textContent.includes("slices of 5 ")',
      { timeout: 30_000 },
    );
    await page.click("#watch");
    await expectStatus("Paused");
    expect(await textOf("#watch")).toBe("Watch live");
    await vi.waitFor(async () => expect(await focused()).toBe("watch"));
    expect(await countOf("#sentences tr")).toBe(2);
    await page.click("#watch");
    await expectStatus("Watching");
    await page.click("#cancel");
    await expectStatus("Cancelled");
    await fill("sliceTokens", "3");
    await page.click("#run");
    await expectStatus("Done");
  });

  it("races the batch against padding and one sentence at a time", async () => {
    await page.click("#race");
    await page.waitForSelector("#racers:not([hidden])", { timeout: 30_000 });
    await expectStatus("Done");
    expect(await textOf("#racers")).toMatch(
      /^weft\s+[\d,]+ tokens\/s\s+one ragged batch of 2\s+one after another\s+[\d,]+ tokens\/s.*weft is [\d.]+ × as fast\s+padded\s.*longest: 1\.\d × the tokens/s,
    );
    expect(await seriousFindings()).toEqual([]);
  });

  it("keeps what was chosen in its address, and takes it from there", async () => {
    const { searchParams } = new URL(page.url());
    expect(Object.fromEntries(searchParams)).toMatchObject({
      source: "own",
      sliceTokens: "3",
      queues: "3",
      fence: "prefix",
      placement: "spread",
    });
    const other = await page.browser().newPage();
    await other.goto(page.url());
    const read = (name: string): Promise<string> =>
      other.$eval(`[name=${name}]`, (field) => (field as HTMLInputElement).value);
    expect(await read("lines")).toBe("Once upon a time there was a cat\n\nThe dog ran.");
    expect([await read("sliceTokens"), await read("fence"), await read("batch")]).toEqual([
      "3",
      "prefix",
      "64",
    ]);
    await other.goto(`${address}?fence=none&k=1&queues=2`);
    expect([await read("fence"), await read("queues")]).toEqual(["sentence", "2"]);
    await other.close();
    await page.bringToFront();
  });

  it("gives the picture and the Chrome trace as files", async () => {
    await page.click("#save-picture");
    expect(await readDownload("weft-timeline.svg")).toMatch(/^<svg .*prefix fence.*<\/svg>$/s);
    await page.click("#save-trace");
    const { traceEvents } = JSON.parse(await readDownload("weft.chrome-trace.json")) as {
      traceEvents: object[];
    };
    expect(traceEvents.length).toBeGreaterThan(10);
  });

  it("refuses a form without sentences, and says what the model refuses", async () => {
    await fill("lines", " ");
    await page.click("#run");
    expect(
      await page.$eval("[name=lines]", (field) => (field as HTMLTextAreaElement).validationMessage),
    ).toBe("Write at least one sentence.");
    await fill("lines", "word ".repeat(300));
    await page.click("#run");
    await expectStatus("expected");
    expect(await textOf("#status")).toMatch(/256/);
    await fill("lines", "The cat sat");
    await page.click("#run");
    await expectStatus("Done");
  });

  it("writes several texts at once; others join them, and each can be cancelled", async () => {
    // So hot, and from so many tokens, that the model writes nonsense and hardly ever ends by itself.
    await fillWriting({ prompt: "Once upon a time", count: "24", maxTokens: "250" });
    await fillWriting({ temperature: "5", topK: "0" });
    await page.click("#write-start");
    await page.waitForFunction(
      'document.querySelectorAll(".stream").length === 24 && document.querySelector(".stream.writing")',
    );
    expect(await textOf("#write-status")).toMatch(/^Writing \d+ texts\./);
    await fillWriting({ prompt: "The dog", count: "2", maxTokens: "3", temperature: "0" });
    await page.click("#write-start");
    // They come first, and end while others go on.
    await page.waitForFunction(`
      [...document.querySelectorAll(".stream:nth-child(-n + 2) .state")].every((state) => /allowed/.test(state.textContent)) &&
      document.querySelectorAll(".stream").length === 26 && document.querySelector(".stream.writing")`);
    const [newest, older] = await page.$$eval(".stream p", (texts) => texts.map((text) => text.textContent));
    expect(newest).toMatch(/^The dog ./);
    const choices = await page.$$eval(".stream .amount", (all) => all.map((amount) => amount.textContent));
    expect(choices[0]).toMatch(/^temperature 0, seed \d+ · 3 tokens/);
    expect(choices.at(-1)).toMatch(/^temperature 5, seed \d+/);
    // Without chance, the seed does not matter.
    expect(older).toBe(newest);
    // At once, as it may end between two commands of a test.
    const name = await page.$eval(".stream.writing", (stream) => {
      const button = stream.querySelector("button")!;
      button.click();
      return button.ariaLabel!;
    });
    expect(name).toMatch(/^Cancel text \d+$/);
    await page.waitForSelector(`[aria-label='${name.replace("Cancel", "Remove")}']`);
    await page.click("#write-cancel");
    await page.waitForFunction('!document.querySelector(".stream.writing")');
    const states = await page.$$eval(".stream .state", (all) => all.map((state) => state.textContent));
    expect(states).toHaveLength(26);
    expect(states.filter((state) => state === "cancelled").length).toBeGreaterThan(0);
    expect(await textOf("#write-status")).toBe("All texts have ended. Write more when you like.");
    expect(await textOf("#write-figures")).toMatch(/Running\s+0\s+0 waiting.*Pages in use\s+0\s+of \d+/s);
    await vi.waitFor(async () =>
      expect(await textOf("#write-step")).toMatch(
        /^Queue \d, one step: [\d.]+ ms for \d+ rows? of \d+ texts?, which/,
      ),
    );
    const orange = await page.$eval("#write-chart", (canvas) => {
      const { width, height } = canvas as HTMLCanvasElement;
      const { data } = (canvas as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, width, height);
      let count = 0;
      for (let at = 0; at < data.length; at += 4) if (data[at]! > 200 && data[at + 2]! < 60) count++;
      return count;
    });
    expect(orange).toBeGreaterThan(1000);
    await page.click(".stream:nth-child(2) button");
    expect(await countOf(".stream")).toBe(25);
    await page.click("#write-clear");
    expect(await countOf(".stream")).toBe(0);
    expect(await focused()).toBe("write-start");
  });

  it("writes the same for the same seed, and while it scores", async () => {
    await fillWriting({ prompt: "Tom saw", count: "2", maxTokens: "12", temperature: "0.9", seed: "3" });
    await page.click("#write-start");
    await expectStates(2, { "as long as allowed": 2 });
    await page.click("#run");
    await page.click("#write-start");
    await expectStates(4, { "as long as allowed": 4 });
    await expectStatus("Done");
    const texts = await page.$$eval(".stream p", (all) => all.map((text) => text.textContent));
    expect(texts.slice(0, 2)).toEqual(texts.slice(2));
    expect(texts[0]).not.toBe(texts[1]);
    await page.click("#write-clear");
  });

  it("says what the model refuses to write", async () => {
    await fillWriting({ prompt: "word ".repeat(300), count: "1" });
    await page.click("#write-start");
    await expectStates(1, { failed: 1 });
    expect(await textOf(".stream footer")).toMatch(/prompt: expected 1 to 255 tokens.* received \d+\./);
    expect(await textOf("#write-status")).toMatch(/^1 text failed\. prompt: expected 1 to 255 tokens/);
    // Not the whole of a long prompt.
    expect((await textOf(".stream p")).length).toBeLessThanOrEqual(300);
    await fillWriting({ prompt: "The cat", temperature: "9" });
    await page.click("#write-start");
    expect(await countOf("#write [name=temperature]:invalid")).toBe(1);
    expect(await countOf(".stream")).toBe(1);
    await fillWriting({ temperature: "1" });
    await page.click("#write-start");
    await page.waitForFunction('document.querySelectorAll(".stream").length === 2');
  });

  it("takes another model from a URL or a chosen folder, and says what a folder lacks", async () => {
    await page.click("summary");
    await page.locator("#model-url").fill("nowhere");
    await page.click("#model [type=submit]");
    expect(await textOf("#model-status")).toBe("The panels use nowhere. It is loaded when it is needed.");
    await page.click("#run");
    await expectStatus("/some/folder/nowhere/");
    complaints.length = 0; // of the address that did not answer
    const files = (await page.$("#model-files")) as ElementHandle<HTMLInputElement>;
    await files.uploadFile(join(root, "shaders"));
    await vi.waitFor(async () => expect(await textOf("#model-status")).toMatch(/config\.json is missing/));
    const folder = join(downloads, "my-model");
    await cp(join(root, "src/demo/models/tinystories-gpt2"), folder, { recursive: true });
    await files.uploadFile(folder);
    await vi.waitFor(async () => expect(await textOf("#model-status")).toMatch(/use my-model/));
    await page.click("#run");
    await expectStatus("Done");
    expect(await page.$eval("#timeline >>> svg", (svg) => svg.textContent)).toContain("my-model");
    await page.locator("#model-url").fill("");
    await page.click("#model [type=submit]");
    expect(await textOf("#model-status")).toMatch(/use tinystories-gpt2/);
  });

  it("takes a folder that is dropped, and says what it lacks where one sees it", async () => {
    const client = await page.createCDPSession();
    const drop = async (path: string): Promise<void> => {
      const data = { items: [], files: [path], dragOperationsMask: 1 };
      for (const type of ["dragEnter", "dragOver", "drop"] as const)
        await client.send("Input.dispatchDragEvent", { type, x: 100, y: 100, data });
    };
    await page.$eval("#model", (panel) => panel.closest("details")?.removeAttribute("open"));
    await drop(join(root, "shaders"));
    await vi.waitFor(async () => expect(await textOf("#model-status")).toMatch(/config\.json is missing/));
    expect(await page.$eval("#model-status", (status) => status.checkVisibility())).toBe(true);
    const folder = join(downloads, "dropped-model");
    await cp(join(root, "src/demo/models/tinystories-gpt2"), folder, { recursive: true });
    await drop(folder);
    await vi.waitFor(async () => expect(await textOf("#model-status")).toMatch(/use dropped-model/));
    await page.click("#run");
    await expectStatus("Done");
    await page.click("#model [type=submit]");
    expect(await textOf("#model-status")).toMatch(/use tinystories-gpt2/);
    await client.detach();
  });

  it("fits a phone", async () => {
    await page.setViewport({ width: 390, height: 800 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  });

  it("has had no errors", () => {
    expect(complaints).toEqual([]);
  });
});
