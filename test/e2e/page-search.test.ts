// The panel that searches, with a made-up encoder whose folder is chosen.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ElementHandle } from "puppeteer";
import { expect, it, vi } from "vitest";
import { makeEncoder, makeText, tinyEncoder } from "../../src/cli/bench/made-up/encoder.js";
import { toSafetensors } from "../../src/cli/bench/peers/synthetic-model.js";
import { SeededRandom } from "../../src/util/seeded-random.js";
import { complaints, countOf, downloads, page, useDemoPage } from "./demo-page.js";

useDemoPage();

const textOf = (selector: string): Promise<string> => page.$eval(selector, (element) => element.textContent);

const texts = Array.from({ length: 30 }, (_, index) => makeText(tinyEncoder, 6, new SeededRandom(index)));

/** Writes an encoder as sentence-transformers does, and returns its folder. */
async function writeEncoder(): Promise<string> {
  const folder = join(downloads, "tiny-encoder");
  const { config, tokenizer, tokenizerConfig, tensors } = makeEncoder(tinyEncoder, 1);
  const modules = [
    { idx: 0, name: "0", path: "", type: "sentence_transformers.models.Transformer" },
    { idx: 1, name: "1", path: "1_Pooling", type: "sentence_transformers.models.Pooling" },
    { idx: 2, name: "2", path: "2_Normalize", type: "sentence_transformers.models.Normalize" },
  ];
  await mkdir(join(folder, "1_Pooling"), { recursive: true });
  const files: Readonly<Record<string, unknown>> = {
    "config.json": config,
    "tokenizer.json": tokenizer,
    "tokenizer_config.json": tokenizerConfig,
    "modules.json": modules,
    "1_Pooling/config.json": {
      word_embedding_dimension: tinyEncoder.channels,
      pooling_mode_mean_tokens: true,
    },
  };
  for (const [name, content] of Object.entries(files))
    await writeFile(join(folder, name), JSON.stringify(content));
  await writeFile(join(folder, "model.safetensors"), toSafetensors({ tensors }));
  return folder;
}

it("loads nothing before it is asked to", async () => {
  expect(await textOf("#search-status")).toMatch(/comes from the hub once/);
  expect(await page.$eval("#search-results", (results) => results.checkVisibility())).toBe(false);
});

it("embeds texts with an encoder that is chosen, and finds the nearest to a question", async () => {
  const files = (await page.$("#search-files")) as ElementHandle<HTMLInputElement>;
  await files.uploadFile(await writeEncoder());
  await vi.waitFor(async () => expect(await textOf("#search-status")).toMatch(/tiny-encoder is loaded when/));
  await page.locator("#search-texts").fill(texts.join("\n"));
  await page.click("#search-start");
  await vi.waitFor(async () => expect(await textOf("#search-status")).toBe("Done. Ask something."), 20_000);
  expect(await textOf("#search-figures")).toMatch(/Texts30180 tokens, none of them padding/);
  await page.locator("#search-question").fill(texts[17]!);
  await vi.waitFor(async () =>
    expect(await textOf("#search-found li:first-child")).toBe(`1.000${texts[17]}`),
  );
  expect(await countOf("#search-found li")).toBe(20);
  const scores = await page.$$eval("#search-found .score", (own) =>
    own.map(({ textContent }) => Number(textContent)),
  );
  expect(scores).toEqual(scores.toSorted((a, b) => b - a));
});

it("says what is wrong with texts and with an encoder", async () => {
  await page.locator("#search-texts").fill("\n \n");
  await page.click("#search-start");
  await vi.waitFor(async () => expect(await textOf("#search-status")).toMatch(/There are no texts/));
  await page.locator("#search-texts").fill(texts.join("\n"));
  await page.locator("#search-encoder").fill("./tinystories-gpt2/");
  await page.click("#search-start");
  await vi.waitFor(
    async () => expect(await textOf("#search-status.error")).toMatch(/pooling: expected/),
    20_000,
  );
  expect(complaints.filter((words) => !/404/.test(words))).toEqual([]);
});
