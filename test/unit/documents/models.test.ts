// MODELS.md lists the families that the registry has, and what published models need, as the source has it now.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { published, renderModelsPage, sizesOf, unlisted } from "../../helpers/models-page.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));

it("says something of every family, and of no other", () => {
  expect(unlisted()).toEqual([]);
});

it("has the numbers of parameters that are published", () => {
  const counts: Readonly<Record<string, number>> = {
    "SmolLM2-135M": 134_515_008,
    "Qwen2.5-0.5B": 494_032_768,
    "Qwen3-0.6B": 596_049_920,
    "Gemma-3-270m": 268_098_176,
    "Gemma-3-1b": 999_885_952,
    "Llama-3.2-1B": 1_235_814_400,
    "Phi-4-mini": 3_836_021_760,
  };
  for (const { name, config } of published)
    if (name in counts) expect(sizesOf(config).parameters, name).toBe(counts[name]);
});

it("is what the source says: where this fails, run it with -u and read the page", async () => {
  const prose = readFileSync(`${root}test/helpers/models-page.md`, "utf8");
  await expect(renderModelsPage(prose)).toMatchFileSnapshot(`${root}MODELS.md`);
});
