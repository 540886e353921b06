// Requests of the generation benchmark, with the times at which their tokens come.
import type { Generation, GenerationStep, Model } from "../../../index.js";
import type { Measurement } from "../case.js";

export interface Written {
  readonly elapsedMs: number;
  /** The milliseconds between the tokens of each text, for all texts. */
  readonly intervals: readonly number[];
  readonly generations: readonly Generation[];
}

/** Records every step of a model. Pieces of text would not do, because not every token completes a character. */
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

  /** The milliseconds between the tokens of a request. */
  intervals(request: number): number[] {
    const times = this.#tokens.get(request) ?? [];
    return times.slice(1).map((time, index) => time - times[index]!);
  }
}

export interface GenerateBenchRequest {
  readonly seed: number;
  readonly repeats: number;
  readonly quick: boolean;
  /** How many requests run at once. */
  readonly concurrent: readonly number[];
  /** The tokens of each text. */
  readonly maxTokens: number;
  readonly shortPrompt: number;
  readonly longPrompt: number;
  /** The tokens of each text that is checked. */
  readonly checkedTokens: number;
  /** How many texts are being written while prompts arrive. */
  readonly decoding: number;
  /** How many requests share a prompt. */
  readonly sharers: number;
  /** How many requests arrive at random. */
  readonly arrivals: number;
}

/** What the parts of the case share. */
export interface GenerateBench {
  readonly model: Model;
  readonly log: StepLog;
  readonly request: GenerateBenchRequest;
  /** Returns a new prompt of `length` tokens each time, which no cache has. */
  readonly prompt: (length: number) => number[];
  readonly measured: (
    metric: string,
    unit: string,
    values: readonly number[],
    parameters?: Readonly<Record<string, unknown>>,
  ) => Measurement;
}

/** Writes one text of exactly `maxTokens` tokens. */
export async function write(
  { model, log }: GenerateBench,
  prompt: readonly number[],
  maxTokens: number,
): Promise<{ readonly generation: Generation; readonly intervals: readonly number[] }> {
  const handle = model.generate(prompt, { temperature: 0, maxTokens, stopTokens: [] });
  const generation = await handle;
  return { generation, intervals: log.intervals(handle.id) };
}

/** Writes `requests` texts at once, each with a short prompt of its own. */
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
