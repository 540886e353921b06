// Requests of the generation benchmark, with the moment at which each piece of text comes.
import type { Generation } from "../../index.js";
import type { GenerateBench } from "./generate.js";

export interface Written {
  readonly elapsedMs: number;
  /** Between the pieces of each text, those of all texts. */
  readonly intervals: readonly number[];
  readonly generations: readonly Generation[];
}

/** One text of exactly `maxTokens` tokens. `onPiece` is called as each piece comes. */
export async function write(
  { model }: GenerateBench,
  prompt: readonly number[],
  maxTokens: number,
  onPiece?: () => void,
): Promise<{ readonly generation: Generation; readonly intervals: readonly number[] }> {
  const handle = model.generate(prompt, { temperature: 0, maxTokens, stopTokens: [] });
  const intervals: number[] = [];
  let last: number | undefined;
  for await (const _ of handle) {
    const now = performance.now();
    if (last !== undefined) intervals.push(now - last);
    last = now;
    onPiece?.();
  }
  return { generation: await handle, intervals };
}

/** `requests` texts at once, each with a short prompt of its own. */
export async function writeAll(bench: GenerateBench, requests: number, maxTokens: number): Promise<Written> {
  const prompts = Array.from({ length: requests }, () => bench.prompt(bench.request.shortPrompt));
  const start = performance.now();
  const written = await Promise.all(prompts.map((prompt) => write(bench, prompt, maxTokens)));
  return {
    elapsedMs: performance.now() - start,
    intervals: written.flatMap(({ intervals }) => intervals),
    generations: written.map(({ generation }) => generation),
  };
}
