// Shows texts that are written at once: on a terminal one line each, which updates in place; elsewhere a line when a text ends.
import type { WriteEvent } from "../../jobs/write.js";
import { count, endOfText } from "../../jobs/words.js";
import { printable } from "./printable.js";

/** The least time between two drawings. */
const REDRAW_MS = 60;
/** The width if the output is not a terminal, or one that does not tell its width. */
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
    // Lines that have scrolled out of the terminal cannot be updated.
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

  /** Draws the last changes. */
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
    // One column stays empty, because a full line would make the terminal begin a new one.
    const columns = (this.#output.columns ?? USUAL_COLUMNS) - 1 - label.length;
    return label + endOfText(printable(this.#prompts[index]! + this.#texts[index]!), Math.max(8, columns));
  }
}

/** The complete texts, numbered if there are several. */
export function wholeTexts(texts: readonly { readonly prompt: string; readonly text: string }[]): string[] {
  return texts.flatMap(({ prompt, text }, index) => [
    ...(texts.length > 1 ? [`--- ${index + 1} of ${count(texts.length, "text")}`] : []),
    printable(prompt + text),
  ]);
}
