// API.md: every public name with its docstring, as the source has it now.
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { renderApiPage } from "../../helpers/api-page.js";
import { readApi } from "../../helpers/api-reference.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const [main, worker, openai, aiSdk] = readApi(root, [
  "src/index.ts",
  "src/worker/index.ts",
  "src/openai/index.ts",
  "src/ai-sdk/index.ts",
]);

it("has a docstring for every export and for every method", () => {
  const without = [...main!, ...worker!, ...openai!, ...aiSdk!].flatMap(({ name, docs, members }) => [
    ...(docs ? [] : [name]),
    ...members.filter((member) => !member.docs).map((member) => `${name}.${member.name}`),
  ]);
  expect(without).toEqual([]);
});

it("is what the source says: where this fails, run it with -u and read the page", async () => {
  expect(main!.map(({ name }) => name)).toContain("Model");
  await expect(renderApiPage(main!, worker!, openai!, aiSdk!)).toMatchFileSnapshot(`${root}API.md`);
});
