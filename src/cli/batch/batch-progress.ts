// Shows how far a batch is, on standard error: a line that updates on a terminal; elsewhere a line now and then.
import { thousands } from "../../jobs/words.js";
import { Progress } from "../terminal/progress.js";

/** The least time between two lines. */
const TERMINAL_MS = 100;
const ELSEWHERE_MS = 10_000;

export class BatchProgress {
  readonly #progress = new Progress(process.stderr);
  readonly #everyMs = process.stderr.isTTY ? TERMINAL_MS : ELSEWHERE_MS;
  #shownMs = -Infinity;

  /** A step that is no part of the batch, such as loading. */
  say(words: string, part?: number): void {
    this.#progress.show(words, part);
    this.#shownMs = -Infinity;
  }

  /** `verb`: what becomes of the requests, such as "Answered". */
  count(verb: string, done: number, all: number, failed: number): void {
    const now = performance.now();
    if (now - this.#shownMs < this.#everyMs) return;
    this.#shownMs = now;
    const also = failed > 0 ? `, ${thousands(failed)} failed` : "";
    this.#progress.show(`${verb} ${thousands(done)} of ${thousands(all)}${also}`, done / all);
  }

  /** Clears the line for what is printed next. */
  end(): void {
    this.#progress.end();
    this.#shownMs = -Infinity;
  }
}
