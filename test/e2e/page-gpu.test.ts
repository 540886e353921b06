// The page's panel that checks the GPU, as a user meets it.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import type { GpuReport } from "../../src/jobs/gpu-check/report.js";
import { complaints, countOf, downloads, page, useDemoPage } from "./demo-page.js";

useDemoPage();

const expectStatus = (words: string): Promise<unknown> =>
  page.waitForFunction(
    `document.getElementById("gpu-status").textContent.includes(${JSON.stringify(words)})`,
    { timeout: 120_000 },
  );

describe("the panel that checks the GPU", () => {
  it("can be cancelled, and checks again", async () => {
    await page.click("#gpu-start");
    await expectStatus("Verifying kernels with weights in f16");
    expect(await page.$eval("#gpu-progress", (bar) => (bar as HTMLProgressElement).value)).toBeGreaterThan(0);
    await page.click("#gpu-cancel");
    await expectStatus("Cancelled.");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("gpu-start");
    expect(await page.$eval("#gpu-results", (results) => (results as HTMLElement).hidden)).toBe(true);
  });

  it("draws shares and what was compared, and gives the report", async () => {
    await page.click("#gpu-start");
    await expectStatus("Done: everything is right.");
    const shares = await page.$$eval("#gpu-bars .share", (bars) =>
      bars.map((bar) => ({
        words: bar.textContent,
        share: Number((bar as HTMLElement).style.getPropertyValue("--share")),
      })),
    );
    // One text, several in two respects, and a prompt.
    expect(shares).toHaveLength(4);
    for (const { words, share } of shares) {
      expect(words).toMatch(/^\d[\d.]* % of the (bandwidth|peak in f32), \d[\d,.]* G/);
      expect(share).toBeGreaterThan(0);
    }
    expect(await page.$eval("#adapter", (element) => element.textContent)).toMatch(/software adapter/);

    await page.click("#gpu-save");
    const report = await vi.waitFor(
      async () => JSON.parse(await readFile(join(downloads, "weft-gpu-check.json"), "utf8")) as GpuReport,
      { timeout: 10_000 },
    );
    expect(report).toMatchObject({
      format: "weft-gpu-check",
      formatVersion: 1,
      weft: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
      runtime: expect.stringMatching(/Chrome\/\d/) as string,
      verification: { isRight: true },
      problems: [],
    });
    const { kernels, models } = report.verification;
    expect(models).toHaveLength(2);
    expect(await countOf("#gpu-kernels tr")).toBe(kernels.length + models.length);
    expect(await countOf("#gpu-kernels .right")).toBe(kernels.length + models.length);
  });

  it("fits a narrow screen in the dark, and complains of nothing", async () => {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
    await page.setViewport({ width: 390, height: 800 });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
    expect(complaints).toEqual([]);
  });
});
