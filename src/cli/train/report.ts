// What `npm run train` prints: a live line, and figures at the end.
import { count, endOfText, thousands } from "../../jobs/words.js";
import type { TrainStep } from "../../index.js";
import { line } from "../terminal/print-report.js";

const eraseLine = "\r\u001B[2K";

/** The text of a line that updates. If the output is not a terminal, only news is printed. */
export class LiveLine {
  readonly #steps: number;
  readonly #beganMs: number;
  readonly #every: number;
  #done = 0;
  #validation: number | undefined;

  constructor(options: { readonly steps: number; readonly every: number; readonly nowMs: number }) {
    this.#steps = options.steps;
    this.#every = options.every;
    this.#beganMs = options.nowMs;
  }

  /** Returns the line after a step. `isNews`: whether it is worth a line of its own. */
  add(step: TrainStep, nowMs: number): { readonly words: string; readonly isNews: boolean } {
    this.#done++;
    this.#validation = step.validationLoss ?? this.#validation;
    const leftMs = ((nowMs - this.#beganMs) / this.#done) * (this.#steps - step.step);
    const words = [
      `step ${step.step}/${this.#steps}`,
      `loss ${step.loss.toFixed(4)}`,
      ...(this.#validation === undefined ? [] : [`validation ${this.#validation.toFixed(4)}`]),
      `${thousands(step.tokensPerSecond)} tokens/s`,
      ...(step.step === this.#steps ? [] : [`${showDuration(leftMs)} left`]),
    ];
    const isNews = this.#done === 1 || step.step % this.#every === 0 || step.step === this.#steps;
    return { words: words.join(" · "), isNews };
  }
}

/** Prints what `LiveLine.add` returned. */
export function showLine({ words, isNews }: { readonly words: string; readonly isNews: boolean }): void {
  if (process.stdout.isTTY) process.stdout.write(`${eraseLine}${words}${isNews ? "\n" : ""}`);
  else if (isNews) process.stdout.write(`${words}\n`);
}

export function describeTraining(steps: readonly TrainStep[], elapsedMs: number, sample: string): string[] {
  const first = steps[0];
  const last = steps.at(-1);
  if (!first || !last) return [line("steps", "none were left to do")];
  const tokens = steps.reduce((sum, step) => sum + step.tokens, 0);
  const seconds = steps.reduce((sum, step) => sum + step.tokens / step.tokensPerSecond, 0);
  const validations = steps.filter(({ validationLoss }) => validationLoss !== undefined);
  return [
    line("steps", `${first.step} to ${last.step}, ${count(tokens, "token")} in epoch ${last.epoch + 1}`),
    line(
      "loss",
      `${showLoss(first.loss)} before, ${showLoss(last.loss)} in the last step, in nats per token`,
    ),
    ...(validations.length > 0
      ? [
          line(
            "validation",
            validations
              .map(({ step, validationLoss }) => `${step}: ${showLoss(validationLoss!)}`)
              .join(" · "),
          ),
        ]
      : []),
    line("speed", `${thousands(tokens / seconds)} tokens per second in steps`),
    line("time", `${showDuration(elapsedMs)} with validation and checkpoints`),
    ...(sample === "" ? [] : [line("sample", JSON.stringify(endOfText(sample, 400)))]),
  ];
}

function showLoss(loss: number): string {
  return loss.toFixed(4);
}

function showDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}
