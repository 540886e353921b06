// The page's panel that scores, with texts and models that are not its own.
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ElementHandle } from "puppeteer";
import { describe, expect, it, vi } from "vitest";
import { createModelParts, type ModelParts } from "../../src/index.js";
import { complaints, countOf, downloads, page, useDemoPage } from "./demo-page.js";
import { root } from "./run-start.js";

useDemoPage();

const textOf = (selector: string): Promise<string> =>
  page.$eval(selector, (element) => (element as HTMLElement).innerText);

async function expectStatus(words: string): Promise<void> {
  const condition = `document.getElementById("status").textContent.includes(${JSON.stringify(words)})`;
  await page.waitForFunction(condition, { timeout: 30_000 });
}

/** A model with random weights and a context of 32 tokens, for the tokenizer of the embedded one. */
const createShort = (): Pick<ModelParts, "config"> & { readonly weights: Uint8Array } => {
  const shape = { layers: 1, heads: 2, channels: 16, contextLength: 32, vocabularySize: 1024 };
  const { config, weights } = createModelParts({ ...shape, beginToken: 1023, endToken: 1023 });
  return { config, weights };
};

describe("the panel that scores", () => {
  it("shows sentences as soon as they are scored, and characters of several tokens as one", async () => {
    await page.click("#source-own");
    await page.locator("[name=lines]").fill("The dog ate an \u{1F34E}.\nA caf\u00e9 \uFFFD here");
    await page.evaluate(`{
      globalThis.seen = [];
      new MutationObserver(() => {
        const [results, picture] = ["results", "picture"].map((id) => !document.getElementById(id).hidden);
        globalThis.seen.push([results, picture, document.querySelectorAll("#sentences tr").length].join());
      }).observe(document.getElementById("results"), { subtree: true, childList: true, attributes: true });
    }`);
    await page.click("#run");
    await expectStatus("Done");
    const seen = await page.evaluate("[...new Set(globalThis.seen)]");
    expect(seen).toEqual(["false,false,0", "true,false,2", "true,true,2"]);
    const pieces = await page.$$eval("#sentences tr:first-child .heat > *", (found) =>
      found.map((piece) => ({ text: piece.textContent, title: (piece as HTMLElement).title })),
    );
    expect(pieces.map(({ text }) => text).join("")).toBe("The dog ate an \u{1F34E}.");
    expect(pieces.find(({ text }) => text.includes("\u{1F34E}"))!.title).toMatch(
      /^[34] tokens together: [\d.]+ %, \d+\.\d\d nats$/,
    );
    const own = await textOf("#sentences tr:nth-child(2) .heat");
    // What stands for unreadable bytes in the text itself is no part of what follows.
    expect(own).toMatch(/^A caf\u00e9 \uFFFD+ here$/);
  });

  it("leaves out what is longer than a model's context, and says so", async () => {
    await page.click("#source-prompts");
    const folder = join(downloads, "short");
    await cp(join(root, "src/demo/models/tinystories-gpt2"), folder, { recursive: true });
    const files = (await page.$("#model-files")) as ElementHandle<HTMLInputElement>;
    const { config, weights } = createShort();
    await writeFile(join(folder, "config.json"), JSON.stringify(config));
    await writeFile(join(folder, "model.safetensors"), weights);
    await files.uploadFile(folder);
    await vi.waitFor(async () => expect(await textOf("#model-status")).toMatch(/use short/));
    await page.click("#run");
    await expectStatus("Done");
    expect(await textOf("#status")).toMatch(
      /^Done\. \d+ of 64 sentences are longer than the 32 tokens of this model's context, and were left out\. /,
    );
    const shown = await countOf("#sentences tr");
    expect(shown).toBeGreaterThan(2);
    expect(shown).toBeLessThan(64);
    // It is no failure to watch it either.
    await page.click("#watch");
    await expectStatus("pass 1");
    expect(await textOf("#status")).toMatch(/sentences are longer/);
    await page.click("#watch");
    await expectStatus("Paused");
    expect(complaints).toEqual([]);
  });
});
