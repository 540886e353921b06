// Requests of the generation benchmark, with the moment at which each token comes.
import type { Generation, GenerationStep, Model } from "../../index.js";
import type { GenerateBench } from "./generate.js";

export interface Written {
  readonly elapsedMs: number;
  /** Milliseconds between the tokens of each text, those of all texts. */
  readonly intervals: readonly number[];
  readonly generations: readonly Generation[];
}

/** Every step of a model from now on. Pieces of text would not do: not every token is a whole character. */
export class StepLog {
  readonly steps: GenerationStep[] = [];
  readonly #tokens = new Map<number, number[]>();

  constructor(model: Model) {
    model.watchSteps((step) => {
      this.steps.push(step);
      for (const { request, samples } of step.parts)
        if (samples) this.#tokens.set(request, [...(this.#tokens.get(request) ?? []), step.doneMs]);
    });
  }

  /** Milliseconds between the tokens of a request. */
  intervals(request: number): number[] {
    const times = this.#tokens.get(request) ?? [];
    return times.slice(1).map((time, index) => time - times[index]!);
  }
}

/** One text of exactly `maxTokens` tokens. */
export async function write(
  { model, log }: GenerateBench,
  prompt: readonly number[],
  maxTokens: number,
): Promise<{ readonly generation: Generation; readonly intervals: readonly number[] }> {
  const handle = model.generate(prompt, { temperature: 0, maxTokens, stopTokens: [] });
  const generation = await handle;
  return { generation, intervals: log.intervals(handle.id) };
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
