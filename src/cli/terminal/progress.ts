// Shows progress on a terminal: one line that updates. If the output is not a terminal, prints a line per step.

const eraseLine = "\r\u001B[2K";

/** What it needs of process.stdout. */
interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export class Progress {
  readonly #output: ProgressOutput;
  #last = "";

  constructor(output: ProgressOutput = process.stdout) {
    this.#output = output;
  }

  /** `part`: the part that is done, from 0 to 1, if that is known. */
  show(words: string, part?: number): void {
    if (this.#output.isTTY) {
      const percent = part === undefined ? "" : ` ${Math.round(100 * part)} %`;
      this.#output.write(`${eraseLine}${words}${percent} …`);
    } else if (words !== this.#last) {
      this.#output.write(`${words} …\n`);
    }
    this.#last = words;
  }

  /** Clears the line for what is printed next. */
  end(): void {
    if (this.#last && this.#output.isTTY) this.#output.write(eraseLine);
    this.#last = "";
  }
}
