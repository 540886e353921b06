// Shows texts that are written at once: on a terminal a line each that updates in place, elsewhere a line when one ends.
import type { WriteEvent } from "../../jobs/write.js";
import { count, endOfText } from "../../jobs/words.js";
import { printable } from "./printable.js";

/** How often the lines are drawn again, at most. */
const REDRAW_MS = 60;
/** Where output is no terminal, or one that does not tell its width. */
const USUAL_COLUMNS = 110;

/** What a board needs of process.stdout. */
export interface BoardOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

export class StoryBoard {
  readonly #prompts: readonly string[];
  readonly #output: BoardOutput;
  readonly #texts: string[];
  readonly #pieces: number[];
  readonly #isEnded: boolean[];
  readonly #updatesInPlace: boolean;
  #drawnLines = 0;
  #redraw: ReturnType<typeof setTimeout> | undefined;

  constructor(prompts: readonly string[], output: BoardOutput = process.stdout) {
    this.#prompts = prompts;
    this.#output = output;
    this.#texts = prompts.map(() => "");
    this.#pieces = prompts.map(() => 0);
    this.#isEnded = prompts.map(() => false);
    // More lines than the terminal has could not be drawn over.
    this.#updatesInPlace = output.isTTY === true && prompts.length < (output.rows ?? 24);
    if (this.#updatesInPlace) this.#draw();
  }

  add(event: WriteEvent): void {
    const { index } = event;
    if ("piece" in event) {
      this.#texts[index] += event.piece;
      this.#pieces[index]!++;
    } else {
      this.#isEnded[index] = true;
      if (!this.#updatesInPlace) this.#output.write(`${this.#line(index)}\n`);
    }
    if (this.#updatesInPlace) this.#redraw ??= setTimeout(() => this.#draw(), REDRAW_MS);
  }

  /** Draws what is left to be drawn. */
  end(): void {
    if (this.#redraw) this.#draw();
  }

  #draw(): void {
    clearTimeout(this.#redraw);
    this.#redraw = undefined;
    const up = this.#drawnLines > 0 ? `\u001B[${this.#drawnLines}A` : "";
    const lines = this.#prompts.map((_, index) => `\r\u001B[2K${this.#line(index)}\n`);
    this.#output.write(up + lines.join(""));
    this.#drawnLines = lines.length;
  }

  #line(index: number): string {
    const mark = this.#isEnded[index] ? "■" : this.#pieces[index]! > 0 ? "▸" : "·";
    const label = `${String(index + 1).padStart(String(this.#prompts.length).length)} ${mark} `;
    // One column stays empty, or the terminal would begin a line of its own.
    const columns = (this.#output.columns ?? USUAL_COLUMNS) - 1 - label.length;
    return label + endOfText(printable(this.#prompts[index]! + this.#texts[index]!), Math.max(8, columns));
  }
}

/** What was written, whole: numbered where there is more than one text. */
export function wholeTexts(texts: readonly { readonly prompt: string; readonly text: string }[]): string[] {
  return texts.flatMap(({ prompt, text }, index) => [
    ...(texts.length > 1 ? [`--- ${index + 1} of ${count(texts.length, "text")}`] : []),
    printable(prompt + text),
  ]);
}
