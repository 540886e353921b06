// Files of batches, as tests write, read and compare them.
import { readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import type { Json } from "./api-calls.js";

const prompts = ["Once upon a time", "The little dog", "A bird", "Tom and Lily"];

/** Requests that differ, each of a story that goes on to its last token. */
export function storyRequests(
  count: number,
  tokens: number,
): readonly {
  readonly custom_id: string;
  readonly method: "POST";
  readonly url: "/v1/completions";
  readonly body: object;
}[] {
  return Array.from({ length: count }, (_, index) => ({
    custom_id: `story ${index}`,
    method: "POST",
    url: "/v1/completions",
    body: {
      prompt: prompts[index % prompts.length],
      seed: index,
      max_tokens: tokens,
      logit_bias: { "0": -100 },
    },
  }));
}

export async function writeJsonLines(file: string, values: readonly object[]): Promise<void> {
  await writeFile(file, values.map((value) => `${JSON.stringify(value)}\n`).join(""));
}

/** @throws Error where the last line has no end. */
export async function readJsonLines(file: string): Promise<Json[]> {
  const text = await readFile(file, "utf8");
  if (!text.endsWith("\n")) throw new Error(`the last line of ${file} has no end`);
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** Lines that have an end. */
export async function countLines(file: string): Promise<number> {
  return existsSync(file) ? (await readFile(file, "utf8")).split("\n").length - 1 : 0;
}

/** Results in the order of names, without what every answer has of its own. */
export function comparable(results: readonly Json[]): Json[] {
  return results
    .map(({ response, ...own }) => ({
      ...own,
      response: { ...response, body: { ...response.body, id: null, created: null } },
    }))
    .toSorted((a, b) => (a.custom_id as string).localeCompare(b.custom_id as string));
}
