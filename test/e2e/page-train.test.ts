// The page's panel that trains, as a user meets it.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { complaints, countOf, downloads, page, useDemoPage } from "./demo-page.js";

useDemoPage();

async function fill(fields: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, value] of Object.entries(fields))
    await page.locator(`#train [name=${name}]`).setTimeout(5000).fill(value);
}

async function expectStatus(words: string): Promise<void> {
  const condition = `document.getElementById("train-status").textContent.includes(${JSON.stringify(words)})`;
  await page.waitForFunction(condition, { timeout: 60_000 });
}

const isDisabled = (id: string): Promise<boolean> =>
  page.$eval(`#${id}`, (element) => (element as HTMLButtonElement).disabled);

describe("the panel that trains", () => {
  it("draws the loss of a new model, shows what it writes, and saves it", async () => {
    expect(await isDisabled("train-save-weights")).toBe(true);
    await page.click("#data-own");
    await fill({
      texts: "The cat sat.\n\nThe dog ran home.",
      steps: "6",
      batchTokens: "20",
      sampleEvery: "3",
    });
    await page.select("#train [name=from]", "new");
    await page.click("#train-start");
    await expectStatus("Done.");
    expect(await countOf("#train-samples li")).toBe(2);
    const points = await page.$eval("#train-curve polyline", (line) => line.getAttribute("points")!);
    expect(points.split(" ")).toHaveLength(6);
    const label = await page.$eval("#train-curve", (svg) => svg.getAttribute("aria-label"));
    expect(label).toMatch(/^Loss from 6\.\d\d to \d\.\d\d nats$/);
    expect(await countOf("#train-figures dt")).toBe(5);

    await page.click("#train-save-config");
    // The browser reserves the name by an empty file.
    const config = await vi.waitFor(
      async () => JSON.parse(await readFile(join(downloads, "config.json"), "utf8")) as object,
      { timeout: 10_000 },
    );
    expect(config).toMatchObject({ n_layer: 2, n_embd: 64, vocab_size: 1024 });
    await page.click("#train-save-weights");
    await vi.waitFor(
      async () => {
        const weights = await readFile(join(downloads, "model.safetensors"));
        expect(weights.length).toBeGreaterThan(600_000);
      },
      { timeout: 10_000 },
    );
  });

  it("trains on stories of its own, and tells how well it does on others", async () => {
    await page.click("#data-stories");
    await fill({ steps: "2", batchTokens: "128", sampleEvery: "1" });
    await page.select("#train [name=from]", "trained");
    await page.click("#train-start");
    await expectStatus("Done.");
    const figures = await page.$eval("#train-figures", (list) => (list as HTMLElement).innerText);
    expect(figures).toMatch(/Unseen\s+\d\.\d{3}\s+nats per token of 8 texts it does not train on/);
    await page.click("#data-own");
    await page.select("#train [name=from]", "new");
  });

  it("stops after the step it is in", async () => {
    await fill({ steps: "5000", sampleEvery: "5000" });
    await page.click("#train-start");
    await expectStatus("Training");
    await page.waitForSelector("#train-curve .now");
    await page.click("#train-stop");
    await expectStatus("Stopped after step ");
    expect(await isDisabled("train-stop")).toBe(true);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("train-start");
    expect(await isDisabled("train-save-weights")).toBe(false);
    expect(await countOf("#train-samples li")).toBe(1);
  });

  it("asks for texts, names every control, and fits a narrow screen in the dark", async () => {
    await fill({ texts: "  " });
    expect(await page.$eval("#train textarea", (field) => field.validationMessage)).toBe(
      "Write at least one text.",
    );
    const unnamed = await page.$$eval("#train input, #train select, #train textarea", (controls) =>
      controls.filter((control) => !(control as HTMLInputElement).labels?.[0]?.innerText.trim()),
    );
    expect(unnamed).toHaveLength(0);
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
    await page.setViewport({ width: 390, height: 800 });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
    expect(complaints).toEqual([]);
  });
});
